/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads that put together datagrams on the same few sockets: what is not said to
 * be lost is of one thread and whole, and at the end nothing is left.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/capture/cork.h"

#define THREADS 4
#define SOCKETS 2
#define ROUNDS  100000
#define SIZE    1500 /* of a piece: two are less, three more than there is room */

static _Atomic unsigned long whole;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "race/cork: %s\n", what);
	exit(1);
}

static void *play(void *argument)
{
	unsigned seed = (unsigned long)argument;
	uint8_t octets[SIZE];
	struct iovec iov = { octets, sizeof(octets) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	memset(octets, seed, sizeof(octets));
	for (int i = 0; i < ROUNDS; i++) {
		struct capture_call call = { .fd = rand_r(&seed) % SOCKETS };
		struct cork *cork = cork_of(&call, true);

		must(cork, "there is no room for two sockets");
		cork_add(cork, &call, &message, SIZE);
		if (!cork_is_lost(cork, &call))
			whole++;
		must(cork->size <= CORK_MAX, "more than there is room");
		cork_end(cork, &call);
		must(cork_count >= 0, "more are ended than were begun");
	}
	return NULL;
}

int main(void)
{
	pthread_t thread[THREADS];

	cork_begin();
	for (unsigned long i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, play, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	must(!cork_count, "one is left");
	printf("race/cork: %d datagrams, %lu whole\n", THREADS * ROUNDS, whole);
	return 0;
}
