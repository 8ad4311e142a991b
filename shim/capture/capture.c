/* SPDX-License-Identifier: Apache-2.0
 *
 * From a hooked call to the queues: whose message is it, and between whom?
 */
#include "shim/capture/capture.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "shim/capture/control.h"
#include "shim/capture/facts.h"
#include "shim/queue.h"

_Atomic bool capture_active;

static struct capture_setup setup;

void capture_begin(const struct capture_setup *from)
{
	setup = *from;
	atomic_store_explicit(&capture_active, true, memory_order_release);
}

/* This process's queue of tap `index`. Returns NULL where it cannot be had, and
 * counts a message as lost to it. */
static struct queue *queue_of(size_t index)
{
	struct queue *queue =
		atomic_load_explicit(&setup.queue[index], memory_order_acquire);
	if (queue)
		return queue;
	setup.start();
	queue = atomic_load_explicit(&setup.queue[index], memory_order_acquire);
	if (!queue)
		atomic_fetch_add_explicit(&setup.lost[index], 1,
					  memory_order_relaxed);
	return queue;
}

static void count_drop(enum drop_cause cause)
{
	for (size_t i = 0; i < setup.queues; i++) {
		struct queue *queue = queue_of(i);

		if (queue)
			queue_count_drop(queue, cause, 1);
	}
}

/* Copies `size` octets out of the vector. */
static void gather(uint8_t *to, const struct iovec *iov, size_t size)
{
	while (size > iov->iov_len) {
		memcpy(to, iov->iov_base, iov->iov_len);
		to += iov->iov_len;
		size -= iov->iov_len;
		iov++;
	}
	memcpy(to, iov->iov_base, size);
}

/* One whole DNS message, described by `seen` but for its payload. */
static void enqueue(const struct event *seen, const struct iovec *iov)
{
	for (size_t i = 0; i < setup.queues; i++) {
		struct queue *queue = queue_of(i);

		if (!queue)
			continue;
		struct queue_room room = queue_reserve(queue, seen->size);
		if (!room.event)
			continue;
		uint8_t lane = room.event->lane;
		*room.event = *seen;
		room.event->lane = lane;
		gather(room.event->payload, iov, seen->size);
		queue_commit(queue, room);
	}
}

static void describe(struct event *event, bool sent, uint64_t time_ns,
		     const struct fd_facts *facts, const struct address *local,
		     const struct address *remote)
{
	bool inet6 = remote->known ? remote->inet6 : local->inet6;

	event->time_ns = time_ns;
	memcpy(event->local, local->octets, 16);
	memcpy(event->remote, remote->octets, 16);
	event->local_port = local->port;
	event->remote_port = remote->port;
	/* One message has addresses of one family. */
	event->flags =
		(sent ? EVENT_SENT : 0) | (inet6 ? EVENT_INET6 : 0) |
		(local->known && local->inet6 == inet6 ? EVENT_LOCAL : 0) |
		(remote->known ? EVENT_REMOTE : 0) |
		(facts->serves ? EVENT_SERVES : 0);
}

static void datagram(const struct fd_facts *facts, bool sent, uint64_t time_ns,
		     const struct msghdr *message, size_t size)
{
	struct address local = facts->local, remote;
	struct event seen;

	if (!message->msg_name || !message->msg_namelen ||
	    !address_from_sockaddr(&remote, message->msg_name,
				   message->msg_namelen))
		remote = facts->remote;
	if (!facts->serves && !facts_port(setup.ports, remote.port))
		return;
	if (!sent && message->msg_flags & MSG_TRUNC) {
		count_drop(DROP_TRUNCATED);
		return;
	}
	if (size < EVENT_PAYLOAD_MIN) {
		count_drop(DROP_MALFORMED);
		return;
	}
	if (!local.known)
		control_local(message, sent, &local);
	describe(&seen, sent, time_ns, facts, &local, &remote);
	seen.size = size;
	enqueue(&seen, message->msg_iov);
}

/* What is known of the fd, asked of the kernel if need be. */
static enum fd_kind facts_of(int fd, uint64_t before, struct fd_facts *facts)
{
	struct fd_entry *entry = fdtable_entry(fd);
	uint64_t word = fdtable_word(fd);
	enum fd_kind kind = fd_kind(word);

	/* Where the number became another socket's while the call ran, the
	 * message was the earlier one's, of which nothing is known any more. */
	if (!fd_same_socket(word, before))
		return FD_FOREIGN;
	if (kind >= FD_FOREIGN && fdtable_read(entry, word, facts))
		return kind;
	kind = facts_ask(fd, kind, setup.ports, facts);
	fdtable_learn(fd, word, kind, facts);
	return kind;
}

void capture_message(int fd, uint64_t word, bool sent, uint64_t time_ns,
		     const struct msghdr *message, size_t size)
{
	struct fd_facts facts;

	switch (facts_of(fd, word, &facts)) {
	case FD_DATAGRAM:
		datagram(&facts, sent, time_ns, message, size);
		break;
	default:
		break;
	}
}

void capture_socket(int fd, int domain, int type, int protocol)
{
	if (thread_state.muted)
		return;
	int transport = type & 0xf; /* without SOCK_NONBLOCK, SOCK_CLOEXEC */
	bool inet = domain == AF_INET || domain == AF_INET6;

	if (inet && transport == SOCK_DGRAM &&
	    (protocol == 0 || protocol == IPPROTO_UDP))
		fdtable_fresh(fd, FD_FRESH_UDP);
	else if (inet && transport == SOCK_STREAM &&
		 (protocol == 0 || protocol == IPPROTO_TCP))
		fdtable_fresh(fd, FD_FRESH_TCP);
	else
		fdtable_forget(fd);
}

void capture_unlearn(int fd)
{
	if (!thread_state.muted)
		fdtable_unlearn(fd);
}

void capture_forget(int fd)
{
	if (!thread_state.muted)
		fdtable_forget(fd);
}

void capture_forget_range(unsigned first, unsigned last)
{
	if (!thread_state.muted)
		fdtable_forget_range(first, last);
}
