/* SPDX-License-Identifier: Apache-2.0
 *
 * tls: what a call of a TLS library's costs a process that speaks no DNS, in ns. To
 * be run bare, and with the library before it.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/base/clock.h"

#define CALLS  1000000
#define ROUNDS 31

int SSL_read(void *ssl, void *to, int size);

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double once(void)
{
	char octets[64];
	uint64_t began = clock_steady();

	for (int i = 0; i < CALLS; i++)
		SSL_read(NULL, octets, sizeof(octets));
	return (double)(clock_steady() - began) / CALLS;
}

int main(void)
{
	double cost[ROUNDS];

	/* As a web server has one. */
	close(socket(AF_INET, SOCK_STREAM, 0));
	for (int i = 0; i < ROUNDS; i++)
		cost[i] = once();
	qsort(cost, ROUNDS, sizeof(*cost), compare);
	printf("tls.call %.2f\n", cost[ROUNDS / 2]);
	return 0;
}
