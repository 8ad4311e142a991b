/* SPDX-License-Identifier: Apache-2.0
 *
 * Taps that take fds at the same time in a table that they share: each is found
 * again under its number, and none gets another's entry.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/base/own_fds.h"

#define TAPS  6
#define TURNS 20000
#define EACH  4 /* at one time */

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "race/own_fds: %s\n", what);
	exit(1);
}

static void take_and_close(void)
{
	int fd[EACH];

	for (int i = 0; i < EACH; i++) {
		fd[i] = own_fds_take(socket(AF_UNIX, SOCK_STREAM, 0));
		must(fd[i] >= 0, "no entry is left");
	}
	for (int i = 0; i < EACH; i++) {
		must(own_fds_has(fd[i]),
		     "an fd of ours is the host's to close");
		must(own_fds_intact(fd[i]),
		     "an fd of ours is taken for another");
		own_fds_close(fd[i]);
	}
}

static void *tap(void *nothing)
{
	for (int turn = 0; turn < TURNS; turn++)
		take_and_close();
	return nothing;
}

int main(void)
{
	pthread_t thread[TAPS];

	own_fds_share();
	for (int i = 0; i < TAPS; i++)
		pthread_create(&thread[i], NULL, tap, NULL);
	for (int i = 0; i < TAPS; i++)
		pthread_join(thread[i], NULL);
	must(own_fds_next(0, ~0U) < 0, "an entry is left");
	printf("race/own_fds: %d fds\n", TAPS * TURNS * EACH);
	return 0;
}
