/* SPDX-License-Identifier: Apache-2.0
 *
 * From a hooked call to the queues: whose messages are they, and between whom?
 */
#include "shim/capture/capture.h"

#include <linux/close_range.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>

#include "shim/base/sandbox.h"
#include "shim/capture/ancillary.h"
#include "shim/capture/connection.h"
#include "shim/capture/cork.h"
#include "shim/capture/datagram.h"
#include "shim/capture/enqueue.h"
#include "shim/capture/socket_info.h"

_Atomic bool capture_active;

const struct socket_ports *capture_ports;

static void (*_Atomic halted)(void);

/* There is a table of fds, and what they stand for is written down. */
static _Atomic bool kept;

/* Capture is off; as long as that is NULL it is on. */
static bool (*_Atomic off)(void);

void capture_begin(const struct socket_ports *ports)
{
	cork_begin();
	capture_ports = ports;
	atomic_store(&kept, true);
	atomic_store_explicit(&capture_active, true, memory_order_release);
}

void capture_end(void)
{
	atomic_store(&kept, false);
	atomic_store(&capture_active, false);
}

void capture_halt(void (*halt)(void))
{
	atomic_store(&halted, halt);
	atomic_store(&capture_active, false);
}

void capture_off(bool (*over)(void))
{
	atomic_store(&off, over);
	atomic_store(&capture_active, false);
}

/* What has been told of a datagram socket while nobody looked, as setsockopt(2) does, the
 * kernel knows. */
static void distrust(int fd)
{
	enum fd_kind kind = fd_kind(fdtable_state(fd));

	if (kind == FD_DATAGRAM || kind == FD_FRESH_UDP)
		fdtable_forget(fd);
	connection_lose(fd);
}

/* What was born meanwhile was given up then: born(). Two who are here at a time give up
 * some more; one who does not come back leaves all as it was. */
void capture_on(void)
{
	fdtable_distrust();
	for (int fd = 0; fd < FDTABLE_MAX; fd++) {
		if (fdtable_entry(fd))
			distrust(fd);
		else
			fd |= FDTABLE_CHUNK - 1;
	}
	cork_lose();
	atomic_store(&off, NULL);
	atomic_store(&capture_active,
		     atomic_load(&kept) && !atomic_load(&halted));
}

bool capture_is_on(void)
{
	return !atomic_load(&off);
}

/* Whether it is over, for a process of which no thread of ours can say so. */
static bool is_over(bool (*over)(void))
{
	if (over && !over())
		return false;
	if (over)
		capture_on();
	return true;
}

bool capture_rests(void)
{
	void (*halt)(void) = atomic_load(&halted);
	bool (*over)(void) = atomic_load(&off);

	if ((!halt && !over) || thread_is_untraced() ||
	    (halt && thread_state.session))
		return false;
	if (halt)
		halt();
	if (!is_over(over))
		return false;
	atomic_store(&capture_active, atomic_load(&kept));
	return atomic_load(&kept);
}

/* Before capture_begin() there is no table yet. */
static bool recording(void)
{
	return atomic_load_explicit(&kept, memory_order_acquire) &&
	       !thread_is_untraced();
}

/* What crosses this socket before capture is on again nobody will have seen. */
static void born(int fd)
{
	if (!capture_is_on())
		connection_lose(fd);
}

/* A connection that was neither made nor accepted here has come by dup(2), through an
 * exec or from another process, which may have read half a message: what follows
 * would be taken for messages. `anew`: it has not. */
static void learned(int fd, uint64_t state, bool anew, enum fd_kind kind,
		    const struct fd_info *info)
{
	bool begun[2] = { false };

	if (!anew && kind == FD_STREAM)
		socket_info_begun(fd, begun);
	if (!fdtable_learn(fd, state, kind, info))
		return;
	for (int sent = 0; sent < 2; sent++)
		if (begun[sent])
			connection_lose_side(fd, sent);
}

/* Asks the kernel what the fd is, if that is still the socket that the call was
 * made on. What has no address yet is not recorded: it will have one. */
static enum fd_kind learn(struct capture_call *call,
			  const struct sockaddr *name, socklen_t name_size)
{
	struct fd_info *info = &call->info;
	uint64_t state = fdtable_known(call->fd, info);
	enum fd_kind kind = fd_kind(state);

	if (!fd_same_socket(state, call->state))
		return FD_NOT_DNS;
	call->state = state;
	if (kind >= FD_NOT_DNS)
		return kind;
	struct fd_entry *entry = fdtable_entry(call->fd);
	if (kind == FD_UNKNOWN || kind == FD_LEARNING ||
	    !fdtable_read(entry, state, info)) {
		memset(info, 0, sizeof(*info));
		kind = FD_UNKNOWN;
	}
	/* With MSG_FASTOPEN a socket sends before it is connected. */
	if (kind == FD_FRESH_TCP && !info->remote.port && name)
		address_from_sockaddr(&info->remote, name, name_size);
	bool anew = kind != FD_UNKNOWN;
	kind = socket_info_ask(call->fd, kind, capture_ports, info);
	if (kind >= FD_NOT_DNS)
		learned(call->fd, state, anew, kind, info);
	if (kind == FD_TLS_PORT)
		tls_is_used = true;
	/* The answers may have been of a socket that came meanwhile. */
	call->state = fdtable_state(call->fd);
	return fd_same_socket(call->state, state) ? kind : FD_NOT_DNS;
}

bool capture_learn(struct capture_call *call)
{
	call->kind = learn(call, NULL, 0);
	return call->kind != FD_NOT_DNS && call->kind != FD_UNKNOWN;
}

void capture_message(struct capture_call *call, const struct msghdr *message,
		     size_t size)
{
	if (call->kind < FD_NOT_DNS)
		call->kind = learn(call, call->sent ? message->msg_name : NULL,
				   message->msg_namelen);
	if (call->kind == FD_DATAGRAM)
		datagram_arrived(call, message, size);
	else if (fd_is_stream(call->kind) && call->unwritten)
		connection_give_up(call);
	else if (fd_is_stream(call->kind))
		connection_crossed(call, message, size);
}

void capture_fds(const struct msghdr *message)
{
	if (recording() && message->msg_controllen >= CMSG_LEN(sizeof(int)))
		ancillary_fds(message, capture_born);
}

void capture_give_up(const struct capture_call *call)
{
	if (fd_is_stream(call->kind))
		connection_give_up(call);
	else if (capture_is_datagram(call) &&
		 (call->info.serves ||
		  socket_info_has_port(capture_ports->dns,
				       call->info.remote.port)))
		enqueue_count_drop(DROP_STREAM, 1);
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
	born(fd);
}

/* What setsockopt(2) has been told stays when the address changes, and is not
 * known of a socket that is unlearned. */
static bool has_options(int fd)
{
	struct fd_info info;

	return fd_kind(fdtable_known(fd, &info)) == FD_DATAGRAM &&
	       (info.segment || info.corked || info.joins);
}

void capture_connect(int fd, const struct sockaddr *name, socklen_t size)
{
	struct address remote;

	if (!recording())
		return;
	if (!has_options(fd) && address_from_sockaddr(&remote, name, size)) {
		fdtable_connected(fd, &remote);
		if (socket_info_is_tls(capture_ports, remote.port))
			tls_is_used = true;
	} else {
		fdtable_forget(fd); /* AF_UNSPEC: it may be connected anew */
	}
}

void capture_unlearn(int fd)
{
	if (!fdtable_entry(fd) || !recording())
		return;
	if (has_options(fd))
		fdtable_forget(fd);
	else
		fdtable_unlearn(fd);
}

void capture_routed(int fd)
{
	if (recording())
		fdtable_routed(fd);
}

/* It is the same socket still, and of a datagram some may be there. */
void capture_options(int fd)
{
	struct fd_info info;

	if (!recording())
		return;
	uint64_t state = fdtable_known(fd, &info);
	if (fd_kind(state) == FD_DATAGRAM && sandbox_allows(SYS_getsockopt)) {
		socket_info_options(fd, &info);
		if (fdtable_learn(fd, state, FD_DATAGRAM, &info))
			return;
	}
	capture_forget(fd);
}

/* A server's socket is looked at while that is sure to be allowed: by its first
 * message the host may have set up a filter that is not. */
void capture_bound(int fd, const struct sockaddr *name, socklen_t size)
{
	struct capture_call call;

	capture_unlearn(fd);
	if (capture_serves(name, size) && capture_enter(&call, fd, false))
		capture_leave();
}

/* Where it cannot be asked, a connection is what its listener is, and has its
 * address. */
void capture_accepted(int listener, int fd)
{
	struct fd_info info, same = { 0 };

	capture_born(fd);
	if (!recording())
		return;
	fdtable_learn(fd, fdtable_state(fd), FD_FRESH_ACCEPTED, &same);
	if ((sandbox_allows(SYS_getsockname) &&
	     sandbox_allows(SYS_getsockopt)) ||
	    !fd_is_stream(fd_kind(fdtable_known(listener, &info))))
		return;
	same.local = info.local;
	fdtable_fresh(fd, FD_FRESH_TCP);
	fdtable_learn(fd, fdtable_state(fd), FD_FRESH_TCP, &same);
	born(fd);
}

void capture_forget(int fd)
{
	if (fdtable_entry(fd) && recording())
		fdtable_forget(fd);
}

void capture_born(int fd)
{
	if (!recording())
		return;
	fdtable_forget(fd);
	born(fd);
}

uint64_t capture_replaces(int fd)
{
	return recording() ? fdtable_state(fd) : 0;
}

void capture_replaced(int fd, uint64_t before)
{
	if (!recording())
		return;
	fdtable_replaced(fd, before);
	born(fd);
}

void capture_disown(int fd)
{
	if (recording())
		fdtable_fresh(fd, FD_NOT_DNS);
}

/* One that closes nothing, or that the kernel will refuse, changes nothing. */
void capture_close_range(unsigned first, unsigned last, int flags)
{
	if (recording() && !(flags & ~CLOSE_RANGE_UNSHARE) && first <= last)
		fdtable_forget_range(first, last);
}

bool capture_serves(const struct sockaddr *name, socklen_t size)
{
	struct address address;

	return recording() && address_from_sockaddr(&address, name, size) &&
	       (socket_info_has_port(capture_ports->dns, address.port) ||
		socket_info_is_tls(capture_ports, address.port));
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

void capture_fill(struct event *event, const struct capture_call *call,
		  bool serves, const struct address *local,
		  const struct address *remote)
{
	bool inet6 = remote->known ? remote->inet6 : local->inet6;

	event->stamp_ns = call->stamp_ns;
	put_octets(event->local, local);
	put_octets(event->remote, remote);
	event->local_port = local->port;
	event->remote_port = remote->port;
	event->tail = 0;
	/* One message has addresses of one family. */
	event->flags =
		(call->sent ? EVENT_SENT : 0) | (inet6 ? EVENT_INET6 : 0) |
		(local->known && local->inet6 == inet6 ? EVENT_LOCAL : 0) |
		(remote->known ? EVENT_REMOTE : 0) |
		(serves ? EVENT_SERVES : 0);
}
