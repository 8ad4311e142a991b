/* SPDX-License-Identifier: Apache-2.0
 *
 * The process's root directory, below which its paths are.
 */
#pragma once

#include <stdbool.h>

/* In the constructor. */
void root_begin(void);

/* It has been changed since: chroot(2). False where that cannot be known. */
bool root_has_changed(void);
