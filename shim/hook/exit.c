/* SPDX-License-Identifier: Apache-2.0
 *
 * The ways out that run neither destructors nor handlers. That of daemon(3) is
 * its caller's, and leads through libc's inside.
 */
#include "shim/hook/real.h"

#include "shim/hook/life.h"

void _exit(int status)
{
	life_end();
	real._exit(status);
	__builtin_unreachable();
}

void _Exit(int status)
{
	life_end();
	real._Exit(status);
	__builtin_unreachable();
}

void abort(void)
{
	life_end();
	real_late(abort)();
	__builtin_unreachable();
}

int daemon(int nochdir, int noclose)
{
	life_end();
	int result = real_late(daemon)(nochdir, noclose);
	life_resume(); /* it has failed, or this is the child */
	return result;
}
