/* SPDX-License-Identifier: Apache-2.0
 *
 * Each datagram is one message, with addresses of its own.
 */
#include "shim/capture/datagram.h"

#include "shim/capture/control.h"
#include "shim/capture/enqueue.h"
#include "shim/capture/facts.h"
#include "shim/capture/observed.h"

void datagram_crossed(const struct capture_call *call,
		      const struct fd_facts *facts,
		      const struct msghdr *message, size_t size)
{
	const struct address *local = &facts->local, *remote = &facts->remote;
	struct address named, told;
	struct event seen;

	if (message->msg_name && message->msg_namelen &&
	    address_from_sockaddr(&named, message->msg_name,
				  message->msg_namelen))
		remote = &named;
	if (!facts->serves && !facts_port(capture_ports, remote->port))
		return;
	if (!call->sent && message->msg_flags & MSG_TRUNC) {
		enqueue_count_drop(DROP_TRUNCATED, 1);
		return;
	}
	if (size < EVENT_PAYLOAD_MIN) {
		enqueue_count_drop(DROP_MALFORMED, 1);
		return;
	}
	if (!local->known) {
		told = *local;
		control_local(message, call->sent, &told);
		local = &told;
	}
	observed(&seen, call, facts->serves, local, remote);
	seen.size = size;
	enqueue(&seen,
		&(struct octets){ .iov = message->msg_iov, .left = size });
}
