/* SPDX-License-Identifier: Apache-2.0
 *
 * By what the kernel says of "/".
 */
#include "shim/base/root.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include "shim/base/sandbox.h"

static struct stat first; /* all zero: not known */

void root_begin(void)
{
	if (stat("/", &first))
		first.st_ino = 0;
}

bool root_has_changed(void)
{
	struct stat now;

	return first.st_ino && sandbox_allows(SYS_newfstatat) &&
	       !stat("/", &now) &&
	       (now.st_dev != first.st_dev || now.st_ino != first.st_ino);
}
