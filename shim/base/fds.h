/* SPDX-License-Identifier: Apache-2.0
 *
 * Which numbers of the calling thread's fd table are open. Trying all that there
 * may be takes minutes where a container allows a billion; the kernel has a list.
 */
#pragma once

#include <stdbool.h>

/* True if the kernel lists them: there is a /proc. */
bool fds_listed(void);

/* Closes those from `first` on, by close(2), at the cost of a system call for
 * each that is open. Returns false, with some or all left open, if they are not
 * listed or there is no fd to read the list by. Async-signal-safe. */
bool fds_close_from(int first);
