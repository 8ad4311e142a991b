/* SPDX-License-Identifier: Apache-2.0
 *
 * What dup2(2) and dup3(2) have in common under every name.
 */
#pragma once

#include <stdint.h>

struct fd_replacing {
	uint64_t before; /* what the number stood for, as the fd table has it */
	uint32_t turn;
};

/* Around a call that puts something else in the place of `to`. The second returns
 * `result`, the call's. */
void fd_replaces(struct fd_replacing *replacing, int to);
int fd_replaced(const struct fd_replacing *replacing, int from, int result);
