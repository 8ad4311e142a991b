/* SPDX-License-Identifier: Apache-2.0
 *
 * How datagrams are received.
 *
 * The host's own call does not tell all that the log needs: whether its buffer
 * has cut the datagram, and who sent it where it did not ask, or gave too little
 * room for the name. So the call is made as a recvmsg(2) that does (recvmmsg(2)
 * for itself), with storage of our own, and what the host asked for is handed
 * back as the kernel would have: the name as far as there is room, its size in
 * full. Some 30 ns dearer than recvfrom(2), of 1,600.
 *
 * For calls of which capture_is_datagram() is true.
 */
#pragma once

#include "shim/capture/capture.h"
#include "shim/hook/real.h"

/* Whether a name and its size can be handed back at these addresses; where not,
 * the call is to be made as it stands. */
bool receive_can_name(const struct capture_call *call, struct sockaddr *name,
		      socklen_t *size);

/* recv, recvfrom, read, readv; `name` NULL where no name is asked for. */
ssize_t receive_octets(struct capture_call *call, const struct real_table *by,
		       const struct iovec *iov, size_t count, int flags,
		       struct sockaddr *name, socklen_t *name_size);

ssize_t receive_message(struct capture_call *call, const struct real_table *by,
			struct msghdr *message, int flags);

int receive_vector(struct capture_call *call, const struct real_table *by,
		   struct mmsghdr *vector, unsigned length, int flags,
		   struct timespec *timeout);
