/* SPDX-License-Identifier: Apache-2.0
 *
 * From a hooked call to the queues: whose messages are they, and between whom?
 */
#include "shim/capture/capture.h"

#include <netinet/in.h>
#include <string.h>

#include "shim/capture/control.h"
#include "shim/capture/enqueue.h"
#include "shim/capture/facts.h"

_Atomic bool capture_active;

static const uint64_t *ports;

void capture_begin(const uint64_t *dns_ports)
{
	ports = dns_ports;
	atomic_store_explicit(&capture_active, true, memory_order_release);
}

static void describe(struct event *event, bool sent, uint64_t time_ns,
		     bool serves, const struct address *local,
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
		(serves ? EVENT_SERVES : 0);
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
	if (!facts->serves && !facts_port(ports, remote.port))
		return;
	if (!sent && message->msg_flags & MSG_TRUNC) {
		enqueue_count_drop(DROP_TRUNCATED);
		return;
	}
	if (size < EVENT_PAYLOAD_MIN) {
		enqueue_count_drop(DROP_MALFORMED);
		return;
	}
	if (!local.known)
		control_local(message, sent, &local);
	describe(&seen, sent, time_ns, facts->serves, &local, &remote);
	seen.size = size;
	enqueue(&seen, (struct octets){ message->msg_iov, 0, size });
}

/* Cuts what crossed into messages. Returns false if this is no DNS. */
static bool cut(struct stream *stream, struct event *seen, struct octets octets)
{
	struct octets message;
	struct iovec whole;

	for (;;) {
		switch (stream_next(stream, &octets, &message, &whole)) {
		case STREAM_MESSAGE:
			seen->size = message.left;
			enqueue(seen, message);
			break;
		case STREAM_SHORT:
			enqueue_count_drop(DROP_MALFORMED);
			break;
		case STREAM_NO_MEMORY:
			enqueue_count_drop(DROP_POOL);
			break;
		case STREAM_MORE:
			return true;
		case STREAM_NONSENSE:
			return false;
		}
	}
}

/* The connection is not followed any further: its octets have lost their
 * meaning. That it is foreign is all that will be looked at. */
static void give_up(int fd, uint64_t word, const struct fd_facts *facts)
{
	enqueue_count_drop(DROP_STREAM);
	fdtable_learn(fd, word, FD_FOREIGN, facts);
}

static void follow(int fd, uint64_t word, const struct fd_facts *facts,
		   bool sent, uint64_t time_ns, const struct msghdr *message,
		   size_t size)
{
	struct fd_entry *entry = fdtable_entry(fd);
	struct fd_stream *side = entry ? &entry->stream[sent] : NULL;
	struct event seen;

	/* In which order two threads read one connection cannot be known.
	 * Whoever holds the stream of an earlier socket has left it behind. */
	if (!side || (atomic_exchange(&side->held, true) &&
		      side->socket == word >> 32)) {
		give_up(fd, word, facts);
		return;
	}
	if (side->socket != word >> 32) {
		stream_reset(&side->stream);
		side->socket = word >> 32;
	}
	describe(&seen, sent, time_ns, facts->serves, &facts->local,
		 &facts->remote);
	seen.flags |= EVENT_TCP;
	bool good = cut(&side->stream, &seen,
			(struct octets){ message->msg_iov, 0, size });
	if (!good)
		stream_reset(&side->stream);
	atomic_store(&side->held, false);
	if (!good)
		give_up(fd, word, facts);
}

/* What is known of the fd, asked of the kernel if need be. Assigns the word that
 * it is known under. `to` is where a call sent to, or NULL: with MSG_FASTOPEN a
 * socket sends before it is connected. */
static enum fd_kind facts_of(int fd, uint64_t before, uint64_t *word,
			     struct fd_facts *facts, const struct msghdr *to)
{
	struct fd_entry *entry = fdtable_entry(fd);
	enum fd_kind kind;

	*word = fdtable_word(fd);
	kind = fd_kind(*word);
	/* Where the number became another socket's while the call ran, the
	 * message was the earlier one's, of which nothing is known any more. */
	if (!fd_same_socket(*word, before))
		return FD_FOREIGN;
	bool known = entry && kind != FD_LEARNING &&
		     fdtable_read(entry, *word, facts);
	if (known && kind >= FD_FOREIGN)
		return kind;
	if (!known || kind == FD_UNKNOWN)
		memset(facts, 0, sizeof(*facts));
	if (kind == FD_FRESH_TCP && !facts->remote.port && to && to->msg_name)
		address_from_sockaddr(&facts->remote, to->msg_name,
				      to->msg_namelen);
	kind = facts_ask(fd, known ? kind : FD_UNKNOWN, ports, facts);
	if (thread_is_barred())
		return kind;
	fdtable_learn(fd, *word, kind, facts);
	*word = fdtable_word(fd);
	return kind;
}

void capture_message(int fd, uint64_t before, bool sent, uint64_t time_ns,
		     const struct msghdr *message, size_t size)
{
	struct fd_facts facts;
	uint64_t word;

	switch (facts_of(fd, before, &word, &facts, sent ? message : NULL)) {
	case FD_DATAGRAM:
		datagram(&facts, sent, time_ns, message, size);
		break;
	case FD_STREAM:
		follow(fd, word, &facts, sent, time_ns, message, size);
		break;
	default:
		break;
	}
}

bool capture_discards(int fd)
{
	struct fd_facts facts;
	uint64_t word;

	if (facts_of(fd, fdtable_word(fd), &word, &facts, NULL) != FD_STREAM)
		return false;
	give_up(fd, word, &facts);
	return true;
}

/* Before capture_begin() there is no table yet. */
static bool recording(void)
{
	return atomic_load_explicit(&capture_active, memory_order_acquire) &&
	       !thread_is_barred();
}

void capture_socket(int fd, int domain, int type, int protocol)
{
	int transport = type & 0xf; /* without SOCK_NONBLOCK, SOCK_CLOEXEC */
	bool inet = domain == AF_INET || domain == AF_INET6;

	if (!recording())
		return;
	if (inet && transport == SOCK_DGRAM &&
	    (protocol == 0 || protocol == IPPROTO_UDP))
		fdtable_fresh(fd, FD_FRESH_UDP);
	else if (inet && transport == SOCK_STREAM &&
		 (protocol == 0 || protocol == IPPROTO_TCP))
		fdtable_fresh(fd, FD_FRESH_TCP);
	else
		fdtable_forget(fd);
}

void capture_connect(int fd, const struct sockaddr *name, socklen_t size)
{
	struct address remote;

	if (!recording())
		return;
	if (address_from_sockaddr(&remote, name, size))
		fdtable_connected(fd, &remote);
	else
		fdtable_unlearn(fd);
}

void capture_unlearn(int fd)
{
	if (fdtable_entry(fd) && recording())
		fdtable_unlearn(fd);
}

void capture_forget(int fd)
{
	if (fdtable_entry(fd) && recording())
		fdtable_forget(fd);
}

void capture_forget_range(unsigned first, unsigned last)
{
	if (recording())
		fdtable_forget_range(first, last);
}
