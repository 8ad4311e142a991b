/* SPDX-License-Identifier: Apache-2.0
 *
 * One fd number, whose connections come and go while threads are still at what
 * they have read from earlier ones, each in pieces.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "shim/capture/capture.h"

#define FD        7
#define READERS   4
#define PIECES    200000 /* of each */
#define SOCKET    16     /* pieces */
#define PIECE_MAX 400

static _Atomic uint64_t pieces;

static void read_piece(uint8_t *octets, size_t size)
{
	uint64_t socket = 1 + atomic_fetch_add(&pieces, 1) / SOCKET;
	struct iovec iov = { octets, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct capture_call call = { .fd = FD,
				     .kind = FD_STREAM,
				     .state = socket << 32 | FD_STREAM };

	capture_message(&call, &message, size);
}

static void *read_pieces(void *seed)
{
	uint8_t octets[PIECE_MAX] = { 0 };
	unsigned *random = seed;

	for (int i = 0; i < PIECES; i++) {
		octets[0] = rand_r(random) % 2;
		octets[1] = rand_r(random);
		read_piece(octets, 1 + rand_r(random) % PIECE_MAX);
	}
	return NULL;
}

/* Whatever the readers did to each other, every block has come back. */
static void check_pool(void)
{
	static const size_t all[] = {
		[POOL_SMALL] = 8192, [POOL_SECOND] = 2048, [POOL_LARGE] = 2048
	};

	fdtable_forget(FD);
	for (int class = POOL_SMALL; class <= POOL_LARGE; class ++) {
		size_t n = 0;
		while (pool_take(class))
			n++;
		if (n != all[class]) {
			fprintf(stderr, "race/stream: %zu of %zu blocks\n", n,
				all[class]);
			exit(1);
		}
	}
}

int main(void)
{
	static const struct fd_info none;
	pthread_t reader[READERS];
	unsigned seed[READERS];

	fdtable_learn(FD, 0, FD_UNKNOWN, &none);
	for (int i = 0; i < READERS; i++) {
		seed[i] = i;
		pthread_create(&reader[i], NULL, read_pieces, &seed[i]);
	}
	for (int i = 0; i < READERS; i++)
		pthread_join(reader[i], NULL);
	check_pool();
	printf("race/stream: %d pieces\n", READERS * PIECES);
	return 0;
}
