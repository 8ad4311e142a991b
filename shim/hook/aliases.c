/* SPDX-License-Identifier: Apache-2.0
 *
 * Other names of hooked calls that every libc has; those of glibc's are in glibc.c.
 */
#include "shim/hook/real.h"

#pragma GCC visibility push(default)
extern typeof(signal) bsd_signal;
#pragma GCC visibility pop

ssize_t sendfile64(int out, int in, off64_t *offset, size_t count)
{
	return sendfile(out, in, offset, count);
}

sighandler_t bsd_signal(int number, sighandler_t handler)
{
	return signal(number, handler);
}
