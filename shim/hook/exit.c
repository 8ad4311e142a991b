/* SPDX-License-Identifier: Apache-2.0
 *
 * The ways out that run neither destructors nor handlers. That of daemon(3) is
 * its caller's, and leads through libc's inside.
 */
#include "shim/hook/real.h"

#include "shim/hook/runtime.h"

void _exit(int status)
{
	runtime_end();
	real._exit(status);
	__builtin_unreachable();
}

void _Exit(int status)
{
	runtime_end();
	real._Exit(status);
	__builtin_unreachable();
}

void abort(void)
{
	runtime_end();
	real_late(abort)();
	__builtin_unreachable();
}

int daemon(int nochdir, int noclose)
{
	runtime_end();
	int result = real_late(daemon)(nochdir, noclose);
	runtime_resume(); /* it has failed, or this is the child */
	return result;
}
