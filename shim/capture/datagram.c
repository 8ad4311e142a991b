/* SPDX-License-Identifier: Apache-2.0
 *
 * Each datagram is one message, with addresses of its own; with UDP_GRO and
 * UDP_SEGMENT (udp(7)) a call carries several, all of one size but for the last.
 */
#include "shim/capture/datagram.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "shim/base/reach.h"
#include "shim/capture/ancillary.h"
#include "shim/capture/capture.h"
#include "shim/capture/cork.h"
#include "shim/capture/socket_info.h"

/* More of it the kernel does not take: net.core.optmem_max. */
#define CONTROL_MAX (1 << 17)

/* To a socket of IPv4 the kernel sends also where no family is given: ip(7). */
static bool name_of(struct address *named, const struct capture_call *call,
		    const struct msghdr *message)
{
	struct sockaddr_in in;

	if (address_from_sockaddr(named, message->msg_name,
				  message->msg_namelen))
		return true;
	if (!call->sent || call->info.name_size != sizeof(in) ||
	    message->msg_namelen < sizeof(in))
		return false;
	memcpy(&in, message->msg_name, sizeof(in));
	if (in.sin_family != AF_UNSPEC)
		return false;
	in.sin_family = AF_INET;
	return address_from_sockaddr(named, (struct sockaddr *)&in, sizeof(in));
}

/* What is sent to no address in particular goes to this machine: ip(7), ipv6(7). Of
 * IPv4 to the address that it is sent from, if there is one. */
static void name_here(struct address *remote, const struct address *local)
{
	static const struct in6_addr here6 = IN6ADDR_LOOPBACK_INIT;
	const struct in_addr here = { htonl(INADDR_LOOPBACK) };

	if (remote->inet6)
		address_set(remote, &here6, true);
	else if (local->known && !local->inet6)
		address_set(remote, local->octets, false);
	else
		address_set(remote, &here, false);
}

/* Fills all of *seen but the size. Returns false if neither end is a DNS
 * port's. */
static bool fill(struct event *seen, const struct capture_call *call,
		 const struct msghdr *message)
{
	const struct fd_info *info = &call->info;
	const struct address *local = &info->local, *remote = &info->remote;
	struct address named, told;
	bool routed = false;

	if (message->msg_name && message->msg_namelen &&
	    name_of(&named, call, message))
		remote = &named;
	if (!info->serves &&
	    !socket_info_has_port(capture_ports->dns, remote->port))
		return false;
	if (!local->known || message->msg_controllen) {
		told = *local;
		if (!ancillary_local(message, call->sent, &told) && call->sent)
			routed = info->routed || ancillary_routes(message);
		local = &told;
	}
	if (__builtin_expect(!remote->known && remote == &named, 0) &&
	    call->sent)
		name_here(&named, local);
	capture_fill(seen, call, info->serves, local, remote);
	if (routed)
		seen->flags |= EVENT_ROUTED;
	return true;
}

/* The size of the next message in what a call carries. */
static size_t next_size(const struct octets *octets, size_t segment)
{
	return segment && segment < octets->left ? segment : octets->left;
}

static void arrived(struct event *seen, const struct octets *octets)
{
	seen->size = octets->left;
	if (seen->size < EVENT_PAYLOAD_MIN)
		enqueue_count_drop(DROP_MALFORMED, 1);
	else
		enqueue(seen, octets);
}

static size_t room_of(const struct msghdr *message)
{
	size_t room = 0;

	for (size_t i = 0; i < (size_t)message->msg_iovlen; i++)
		room += message->msg_iov[i].iov_len;
	return room;
}

/* `room`: SIZE_MAX, or what the host's buffer has cut them to: then the last one
 * in it is not whole, and with MSG_TRUNC the call tells of more octets than it
 * has written. Returns how many are not whole. */
static size_t arrived_several(struct event *seen, struct octets octets,
			      size_t segment, size_t room)
{
	bool cut = room != SIZE_MAX;
	size_t parts = (octets.left + segment - 1) / segment;

	if (octets.left > room)
		octets.left = room;
	while (octets.left) {
		struct octets one = octets;

		one.left = next_size(&octets, segment);
		if (cut && one.left == octets.left)
			break;
		arrived(seen, &one);
		octets_pass(&octets, one.left);
		parts--;
	}
	return parts;
}

void datagram_arrived(const struct capture_call *call,
		      const struct msghdr *message, size_t size)
{
	struct octets octets = { .iov = message->msg_iov, .left = size };
	bool cut = message->msg_flags & MSG_TRUNC;
	size_t not_whole = cut;
	struct event seen;

	if (!fill(&seen, call, message))
		return;
	size_t segment =
		message->msg_controllen ? ancillary_segment(message) : 0;
	if (!segment && call->info.joins && ancillary_lacks_segment(message))
		not_whole = 1; /* or several, where nobody knows how many */
	else if (segment)
		not_whole = arrived_several(&seen, octets, segment,
					    cut ? room_of(message) : SIZE_MAX);
	else if (!cut)
		arrived(&seen, &octets);
	if (not_whole)
		enqueue_count_drop(DROP_TRUNCATED, not_whole);
}

void datagram_depart_begin(struct datagram_departure *departure, int flags)
{
	enqueue_flight_begin(&departure->flight);
	departure->messages = departure->malformed = 0;
	departure->more = flags & MSG_MORE;
	departure->cork = NULL;
	departure->leaves = departure->lost = departure->unfollowed = false;
}

/* Whether all that a message points to can be read, and the size of it. */
static bool readable(const struct msghdr *message, size_t *size)
{
	size_t name = message->msg_name ? message->msg_namelen : 0;
	size_t control = message->msg_control ? message->msg_controllen : 0;

	return name <= sizeof(struct sockaddr_storage) &&
	       control <= CONTROL_MAX && reach_reads(message->msg_name, name) &&
	       reach_reads(message->msg_control, control) &&
	       reach_iovec(message->msg_iov, message->msg_iovlen, size) &&
	       *size <= EVENT_PAYLOAD_MAX;
}

/* One message of the call: `octets`, in as many datagrams as they are cut into; it
 * passes them. Not to be logged where `seen` is NULL. */
static void depart_message(struct datagram_departure *departure,
			   const struct capture_call *call, struct event *seen,
			   struct octets *octets, size_t segment)
{
	while (seen && octets->left) {
		size_t left = octets->left;

		/* In place: a copy would have to wait for what has just been
		 * written here. */
		seen->size = octets->left = next_size(octets, segment);
		if (seen->size < EVENT_PAYLOAD_MIN)
			departure->malformed++;
		else if (__builtin_expect(thread_state.noted, 0))
			enqueue_depart_noted(&departure->flight, call->fd, seen,
					     octets);
		else
			enqueue_depart(&departure->flight, seen, octets);
		octets->left = left;
		octets_pass(octets, seen->size);
	}
	departure->end[departure->messages].logged = departure->flight.messages;
	departure->end[departure->messages++].malformed = departure->malformed;
}

static size_t segment_of(const struct capture_call *call,
			 const struct msghdr *message)
{
	size_t segment = message->msg_control ? ancillary_segment(message) : 0;

	return segment ? segment : call->info.segment;
}

static void depart_corked(struct datagram_departure *departure,
			  const struct capture_call *call)
{
	struct cork *cork = departure->cork;
	struct iovec iov = { cork->octets, cork->size };
	struct msghdr message = {
		.msg_name = &cork->name,
		.msg_namelen = cork->name_size,
		.msg_control = cork->control,
		.msg_controllen = cork->control_size,
	};
	struct event seen;
	bool wanted = fill(&seen, call, &message);

	departure->leaves = true;
	departure->lost = wanted && cork_is_lost(cork, call);
	depart_message(departure, call,
		       wanted && !departure->lost ? &seen : NULL,
		       &(struct octets){ .iov = &iov, .left = iov.iov_len },
		       segment_of(call, &message));
}

/* A part of a datagram, which leaves with the last one. */
static void depart_piece(struct datagram_departure *departure,
			 const struct capture_call *call,
			 const struct msghdr *message, size_t size)
{
	departure->cork = cork_of(call, true);
	if (departure->cork)
		cork_add(departure->cork, call, message, size);
	else
		departure->unfollowed = true;
	if (departure->cork && !departure->more && !call->info.corked)
		depart_corked(departure, call);
	else
		depart_message(departure, call, NULL, NULL, 0);
}

static bool is_piece(const struct datagram_departure *departure,
		     const struct capture_call *call)
{
	return departure->more || call->info.corked ||
	       (cork_count && cork_of(call, false));
}

bool datagram_depart(struct datagram_departure *departure,
		     const struct capture_call *call,
		     const struct msghdr *message)
{
	struct event seen;
	size_t size;

	if (departure->messages == DATAGRAM_CALL_MAX ||
	    !reach_reads(message, sizeof(*message)) ||
	    !readable(message, &size))
		return false;
	if (is_piece(departure, call)) {
		depart_piece(departure, call, message, size);
		return true;
	}
	bool wanted = size && fill(&seen, call, message);
	depart_message(
		departure, call, wanted ? &seen : NULL,
		&(struct octets){ .iov = message->msg_iov, .left = size },
		wanted ? segment_of(call, message) : 0);
	return true;
}

void datagram_uncork(struct datagram_departure *departure,
		     const struct capture_call *call)
{
	departure->cork = cork_count ? cork_of(call, false) : NULL;
	if (departure->cork)
		depart_corked(departure, call);
}

/* What comes of the datagram that the call went on with. One that fails undoes all
 * that there was of it. */
static void land_corked(struct datagram_departure *departure,
			const struct capture_call *call, bool failed)
{
	if (departure->cork && (failed || departure->leaves))
		cork_end(departure->cork, call);
	if (failed)
		return;
	if (departure->lost || departure->unfollowed)
		enqueue_count_drop(DROP_POOL, 1);
	/* Which call is the end of one can no longer be told. */
	if (departure->unfollowed)
		fdtable_learn(call->fd, call->state, FD_NOT_DNS, &call->info);
}

/* The kernel could read what nobody let us ask it for. */
static void count_unread(const struct capture_call *call, size_t messages)
{
	if (call->info.serves ||
	    socket_info_has_port(capture_ports->dns, call->info.remote.port))
		enqueue_count_drop(DROP_POOL, messages);
}

/* A socket that had no port has been bound by what it sent. */
void datagram_land(struct datagram_departure *departure,
		   struct capture_call *call, size_t count)
{
	const struct address *local = NULL;
	uint32_t logged = 0;

	if (count > departure->messages) {
		count_unread(call, count - departure->messages);
		count = departure->messages;
	}
	land_corked(departure, call, !count);
	if (count) {
		logged = departure->end[count - 1].logged;
		if (departure->end[count - 1].malformed)
			enqueue_count_drop(DROP_MALFORMED,
					   departure->end[count - 1].malformed);
		if (call->kind == FD_FRESH_UDP && capture_learn(call))
			local = &call->info.local;
	}
	enqueue_land(&departure->flight, logged, local);
}
