/* SPDX-License-Identifier: Apache-2.0
 *
 * A library that makes all threads but a process's first one slow: free(3) takes
 * them as long as a processor would that is slower by the hundred.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define SPIN 10000

void __libc_free(void *memory);

static pthread_t first;

__attribute__((constructor)) static void begin(void)
{
	first = pthread_self();
}

void free(void *memory)
{
	for (volatile int i = 0; first && pthread_self() != first && i < SPIN;)
		i++;
	__libc_free(memory);
}
