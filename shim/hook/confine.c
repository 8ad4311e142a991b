/* SPDX-License-Identifier: Apache-2.0
 *
 * The call by which a program gives up system calls. The other one, seccomp(2), has
 * no name in libc: it comes by syscall(2).
 */
#include "shim/hook/real.h"

#include <linux/seccomp.h>
#include <stdarg.h>

#include "shim/hook/runtime.h"

int prctl(int option, ...)
{
	unsigned long a[4];
	va_list list;

	va_start(list, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(list, unsigned long);
	va_end(list);
	bool confined =
		option == PR_SET_SECCOMP &&
		runtime_confine(a[0] == SECCOMP_MODE_FILTER ? (void *)a[1]
							    : NULL,
				false);
	int result = real.prctl(option, a[0], a[1], a[2], a[3]);
	if (confined && result)
		runtime_confine_failed();
	return result;
}
