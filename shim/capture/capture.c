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

/* The octets of an address that has just been written are read in the same
 * pieces: a larger one would have to wait for them. */
static void put_octets(uint8_t to[16], const struct address *address)
{
	memset(to, 0, 16);
	if (address->inet6)
		memcpy(to, address->octets, 16);
	else
		memcpy(to, address->octets, 4);
}

static void describe(struct event *event, const struct capture_call *call,
		     bool serves, const struct address *local,
		     const struct address *remote)
{
	bool inet6 = remote->known ? remote->inet6 : local->inet6;

	event->time_ns = call->time_ns;
	put_octets(event->local, local);
	put_octets(event->remote, remote);
	event->local_port = local->port;
	event->remote_port = remote->port;
	/* One message has addresses of one family. */
	event->flags =
		(call->sent ? EVENT_SENT : 0) | (inet6 ? EVENT_INET6 : 0) |
		(local->known && local->inet6 == inet6 ? EVENT_LOCAL : 0) |
		(remote->known ? EVENT_REMOTE : 0) |
		(serves ? EVENT_SERVES : 0);
}

static void datagram(const struct capture_call *call,
		     const struct fd_facts *facts, const struct msghdr *message,
		     size_t size)
{
	const struct address *local = &facts->local, *remote = &facts->remote;
	struct address named, told;
	struct event seen;

	if (message->msg_name && message->msg_namelen &&
	    address_from_sockaddr(&named, message->msg_name,
				  message->msg_namelen))
		remote = &named;
	if (!facts->serves && !facts_port(ports, remote->port))
		return;
	if (!call->sent && message->msg_flags & MSG_TRUNC) {
		enqueue_count_drop(DROP_TRUNCATED);
		return;
	}
	if (size < EVENT_PAYLOAD_MIN) {
		enqueue_count_drop(DROP_MALFORMED);
		return;
	}
	if (!local->known) {
		told = *local;
		control_local(message, call->sent, &told);
		local = &told;
	}
	describe(&seen, call, facts->serves, local, remote);
	seen.size = size;
	enqueue(&seen, &(struct octets){ message->msg_iov, 0, size });
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
			enqueue(seen, &message);
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

/* Takes one direction of the connection that `word` is of. Returns false where
 * it cannot be followed: in which order two threads read one connection is not
 * to be known, and one that is still at the number's earlier socket must not
 * find its memory with somebody else. */
static bool hold(struct fd_stream *side, uint64_t word)
{
	uint32_t socket = word >> 32;

	if (atomic_exchange(&side->held, true))
		return false;
	/* The number is another socket's by now, and its stream not ours. */
	if ((int32_t)(side->socket - socket) > 0) {
		atomic_store(&side->held, false);
		return false;
	}
	if (side->socket != socket) {
		stream_reset(&side->stream);
		side->socket = socket;
	}
	return true;
}

static void follow(const struct capture_call *call, uint64_t word,
		   const struct fd_facts *facts, const struct msghdr *message,
		   size_t size)
{
	struct fd_entry *entry = fdtable_entry(call->fd);
	struct fd_stream *side = entry ? &entry->stream[call->sent] : NULL;
	struct event seen;

	if (!side || !hold(side, word)) {
		give_up(call->fd, word, facts);
		return;
	}
	describe(&seen, call, facts->serves, &facts->local, &facts->remote);
	seen.flags |= EVENT_TCP;
	bool good = cut(&side->stream, &seen,
			(struct octets){ message->msg_iov, 0, size });
	if (!good)
		stream_reset(&side->stream);
	atomic_store(&side->held, false);
	if (!good)
		give_up(call->fd, word, facts);
}

/* Asks the kernel what the fd is, if that is still the socket that the call was
 * made on, and assigns the word that it is known under. */
static enum fd_kind learn(const struct capture_call *call,
			  const struct msghdr *message, uint64_t *word,
			  struct fd_facts *facts)
{
	enum fd_kind kind;

	*word = fdtable_known(call->fd, facts);
	kind = fd_kind(*word);
	if (!fd_same_socket(*word, call->word))
		return FD_FOREIGN;
	if (kind >= FD_FOREIGN)
		return kind;
	struct fd_entry *entry = fdtable_entry(call->fd);
	if (kind == FD_UNKNOWN || kind == FD_LEARNING ||
	    !fdtable_read(entry, *word, facts)) {
		memset(facts, 0, sizeof(*facts));
		kind = FD_UNKNOWN;
	}
	/* With MSG_FASTOPEN a socket sends before it is connected. */
	if (kind == FD_FRESH_TCP && !facts->remote.port && call->sent &&
	    message->msg_name)
		address_from_sockaddr(&facts->remote, message->msg_name,
				      message->msg_namelen);
	kind = facts_ask(call->fd, kind, ports, facts);
	fdtable_learn(call->fd, *word, kind, facts);
	*word = fdtable_word(call->fd);
	return kind;
}

void capture_message(const struct capture_call *call,
		     const struct msghdr *message, size_t size)
{
	const struct fd_facts *facts = &call->facts;
	enum fd_kind kind = fd_kind(call->word);
	uint64_t word = call->word;
	struct fd_facts learned;

	if (kind < FD_FOREIGN) {
		kind = learn(call, message, &word, &learned);
		facts = &learned;
	}
	if (kind == FD_DATAGRAM)
		datagram(call, facts, message, size);
	else if (kind == FD_STREAM)
		follow(call, word, facts, message, size);
}

bool capture_discards(int fd)
{
	struct capture_call call;
	static const struct msghdr none;
	struct fd_facts facts;
	uint64_t word;

	if (!capture_enter(&call, fd, false) ||
	    learn(&call, &none, &word, &facts) != FD_STREAM)
		return false;
	give_up(fd, word, &facts);
	return true;
}

/* Before capture_begin() there is no table yet. */
static bool recording(void)
{
	return atomic_load_explicit(&capture_active, memory_order_acquire) &&
	       !thread_is_muted();
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

void capture_disown(int fd)
{
	if (recording())
		fdtable_fresh(fd, FD_FOREIGN);
}

void capture_forget_range(unsigned first, unsigned last)
{
	if (recording())
		fdtable_forget_range(first, last);
}

bool capture_serves(const struct sockaddr *name, socklen_t size)
{
	struct address address;

	return recording() && address_from_sockaddr(&address, name, size) &&
	       facts_port(ports, address.port);
}
