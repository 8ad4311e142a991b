/* SPDX-License-Identifier: Apache-2.0
 *
 * A library that serves from its constructor, which runs before those of what is
 * preloaded, and with -DPROGRAM one that is linked with it.
 */
#include "host.h"

#define EACH 40

extern int early_fd;

#ifdef PROGRAM
int main(void)
{
	host_serve(early_fd, EACH);
	return 0;
}
#else
int early_fd;

__attribute__((constructor)) static void serve_early(void)
{
	early_fd = host_udp();
	host_serve(early_fd, EACH);
}
#endif
