/* SPDX-License-Identifier: Apache-2.0
 *
 * A datagram that crossed a socket.
 */
#pragma once

#include "shim/capture/capture.h"

/* `size` octets (> 0) of one datagram, on a socket of which `facts` are known. The
 * message is as the real call left it. */
void datagram_crossed(const struct capture_call *call,
		      const struct fd_facts *facts,
		      const struct msghdr *message, size_t size);
