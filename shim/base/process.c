/* SPDX-License-Identifier: Apache-2.0
 *
 * By the id of the process that the memory belongs to.
 */
#include "shim/base/process.h"

#include <stddef.h>
#include <unistd.h>

static _Atomic pid_t *owner;

void process_begin(_Atomic pid_t *page)
{
	owner = page;
	atomic_store(owner, getpid());
}

bool process_is_guest(void)
{
	pid_t self = getpid();
	pid_t known = owner ? atomic_load(owner) : self;

	if (known == self)
		return false;
	if (known && getppid() == known)
		return true;
	/* Nobody's: forked. Another's, who is not our parent: our own guest
	 * was quicker to look than we. */
	atomic_store(owner, self);
	return false;
}
