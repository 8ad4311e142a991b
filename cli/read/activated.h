/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets that whoever started us has opened and listens on: sd_listen_fds(3).
 */
#pragma once

#define ACTIVATED_FIRST 3

/* How many there are, from ACTIVATED_FIRST on; 0: none are meant for this process. The
 * variables that say so are gone then, and the fds are closed on exec. */
int activated_take(void);
