/* SPDX-License-Identifier: Apache-2.0
 *
 * The ways out that run neither destructors nor handlers.
 */
#include "shim/hook/real.h"

#include "shim/life.h"

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
