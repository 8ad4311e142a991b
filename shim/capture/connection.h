/* SPDX-License-Identifier: Apache-2.0
 *
 * Octets that crossed a TCP connection.
 */
#pragma once

#include "shim/capture/capture.h"

/* `size` octets (> 0) of one direction of the connection that the fd was when its
 * word was `word`. */
void connection_crossed(const struct capture_call *call, uint64_t word,
			const struct fd_facts *facts,
			const struct msghdr *message, size_t size);

/* The connection is not followed any further: its octets have lost their
 * meaning. */
void connection_give_up(int fd, uint64_t word, const struct fd_facts *facts);
