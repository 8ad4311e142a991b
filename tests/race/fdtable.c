/* SPDX-License-Identifier: Apache-2.0
 *
 * One fd number, whose sockets come and go while threads learn of them: what is
 * read under a state is what was learned under it, and all of one socket.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/capture/fdtable.h"

#define FD       7
#define LEARNERS 6
#define SOCKETS  1000000
#define PAUSE    100 /* between sockets, so that there is time to learn */

static _Atomic bool over;

/* Facts that tell which socket they are of. */
static struct fd_info facts_of(uint64_t state)
{
	struct fd_info info = { .serves = true };
	uint32_t socket = state >> 32;

	memcpy(info.local.octets, &socket, sizeof(socket));
	memcpy(info.remote.octets, &socket, sizeof(socket));
	info.local.port = info.remote.port = (uint16_t)socket;
	return info;
}

static void check(uint64_t state)
{
	struct fd_info right = facts_of(state), info;

	if (!fdtable_read(fdtable_entry(FD), state, &info) ||
	    !memcmp(&info, &right, sizeof(info)))
		return;
	fprintf(stderr, "race/fdtable: facts of socket %u under %u\n",
		info.local.port, right.local.port);
	exit(1);
}

static void *learn(void *nothing)
{
	(void)nothing;
	while (!atomic_load(&over)) {
		uint64_t state = fdtable_state(FD);
		struct fd_info info = facts_of(state);

		if (fd_kind(state) == FD_DATAGRAM)
			check(state);
		else
			fdtable_learn(FD, state, FD_DATAGRAM, &info);
	}
	return NULL;
}

int main(void)
{
	static const struct fd_info none;
	pthread_t learner[LEARNERS];

	fdtable_learn(FD, 0, FD_UNKNOWN, &none);
	for (int i = 0; i < LEARNERS; i++)
		pthread_create(&learner[i], NULL, learn, NULL);
	for (int i = 0; i < SOCKETS; i++) {
		fdtable_forget(FD);
		for (volatile int j = 0; j < PAUSE; j++)
			;
	}
	atomic_store(&over, true);
	for (int i = 0; i < LEARNERS; i++)
		pthread_join(learner[i], NULL);
	printf("race/fdtable: %d sockets\n", SOCKETS);
	return 0;
}
