/* SPDX-License-Identifier: Apache-2.0
 *
 * What the hooks tell of: messages that crossed a socket. Runs on the server's
 * threads and in its signal handlers: no malloc, no lock, no waiting, and no
 * system call but the vDSO's clock once a socket is known. Preserves errno.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proto/address.h"
#include "proto/event.h"
#include "shim/base/clock.h"
#include "shim/base/thread.h"
#include "shim/capture/fdtable.h"
#include "shim/capture/socket_info.h"
#include "shim/capture/tls.h"

/* Messages from and to the DNS ports are captured from now on, for the rest of the
 * process's life. The ports must stay. */
void capture_begin(const struct socket_ports *ports);

/* But where it turns out that nothing can be done with them: none any more. */
void capture_end(void);

/* No call begins any more that may carry messages, and none returns that does: its
 * thread goes to `halt`. Where that returns, in a forked child, all is as before. */
void capture_halt(void (*halt)(void));

/*
 * No message is looked at from now on, at the cost of a load and a branch. What fds are
 * is kept all the same. capture_on ends that: calls that begin from then on are looked
 * at. Connections that there are by then are not followed any more, as nobody knows what
 * has crossed them: each call on one is counted. By one thread at a time; `over` is asked
 * before each call, on its thread, by a process that has been forked meanwhile, and where
 * it says so that does capture_on for itself.
 */
void capture_off(bool (*over)(void));
void capture_on(void);
bool capture_is_on(void);

extern _Atomic bool capture_active;
extern const struct socket_ports *capture_ports;

/* A call that may carry messages, and what was known of its fd before it was
 * made: by the time it returns, another thread may have closed the fd. */
struct capture_call {
	int fd;
	bool sent;
	bool unwritten; /* octets that it takes out of a TCP stream go nowhere:
			 * tcp(7) on MSG_TRUNC */
	enum fd_kind kind;   /* as socket_info_ask says it; never FD_NOT_DNS */
	uint64_t state;      /* the fd table's */
	uint64_t stamp_ns;   /* clock_steady(): of the message */
	struct fd_info info; /* of its kind */
	uint32_t sequence;   /* fdtable_sequence(), where it may be a stream */
	pool_block copy;     /* departed_copy()'s */
	uint64_t
		copy_serial; /* which that block may have been given to since */
	enum tls_protocol protocol; /* of the clear text, where it is such */
};

/* Not for callers: capture is not active. Returns whether it is now. */
bool capture_rests(void);

static inline bool capture_is_active(void)
{
	return __builtin_expect(atomic_load_explicit(&capture_active,
						     memory_order_acquire),
				1) ||
	       capture_rests();
}

/* False: nothing that happens on `fd` is of interest. */
static inline bool capture_watches(int fd)
{
	if (!capture_is_active() || thread_is_untraced())
		return false;
	enum fd_kind kind = fd_kind(fdtable_state(fd));
	return kind != FD_NOT_DNS && kind != FD_TLS;
}

/* Not for callers: a signal finds the mark of the call that it has interrupted. */
static inline void capture_mark(const void *frame)
{
	atomic_signal_fence(memory_order_seq_cst);
	thread_state.inside = frame;
	atomic_signal_fence(memory_order_seq_cst);
}

/* Not for callers: asks the kernel. */
bool capture_learn(struct capture_call *call);

/* What the hooks do before the real call; they do nothing else if the answer is
 * no, which is to cost no call. The time is taken if the call sends: another
 * thread may read the answer before it returns. */
static inline __attribute__((always_inline)) bool capture_enter(
	struct capture_call *call, int fd, bool sent)
{
	if (!capture_watches(fd))
		return false;
	call->fd = fd;
	call->sent = sent;
	call->unwritten = false;
	/* A call that this one would be in has been jumped out of. */
	if (__builtin_expect(thread_state.session != NULL, 0) &&
	    thread_state.session < (void *)call)
		thread_state.session = NULL;
	call->protocol = TLS_NONE;
	call->state = fdtable_known(fd, &call->info);
	call->kind = fd_kind(call->state);
	if (call->kind < FD_NOT_DNS && !capture_learn(call))
		return false;
	if (call->kind != FD_DATAGRAM)
		call->sequence = fdtable_sequence(fd, sent);
	capture_mark(call);
	if (sent)
		call->stamp_ns = clock_steady();
	return true;
}

/* Behind the real call, and what came of it: always where the answer was yes. Within
 * a call of a TLS library's the thread goes on. */
static inline void capture_leave(void)
{
	capture_mark(thread_state.session);
	if (!thread_state.session)
		capture_is_active();
}

/* Whether each call on the socket carries whole datagrams: the rest is TCP. */
static inline bool capture_is_datagram(const struct capture_call *call)
{
	return call->kind == FD_DATAGRAM || call->kind == FD_FRESH_UDP;
}

/* Whether it carries the clear text of a TLS connection. */
static inline bool capture_is_clear(const struct capture_call *call)
{
	return call->protocol != TLS_NONE;
}

/*
 * The call took `size` octets in, or sent them over a connection: out of or into
 * the octets of `message`'s vector, in that order. `message` is as the real call
 * left it, but msg_namelen is what there is of a name. Nothing if `size` is 0,
 * unless MSG_TRUNC tells of more.
 */
void capture_message(struct capture_call *call, const struct msghdr *message,
		     size_t size);

/* A call on whatever socket has received this: fds may have come along. */
void capture_fds(const struct msghdr *message);

/* The call has moved octets of a TCP stream that nobody sees. What becomes of the
 * stream cannot be known then, so it is given up; a datagram is counted. */
void capture_give_up(const struct capture_call *call);

/* The fd table's side of socket(2), connect(2) and bind(2), and of what ends the
 * life of an fd or begins another. */
void capture_socket(int fd, int domain, int type, int protocol);
void capture_connect(int fd, const struct sockaddr *name, socklen_t size);
void capture_unlearn(int fd);
void capture_routed(int fd);  /* setsockopt(2): see socket_info_routes() */
void capture_options(int fd); /* likewise, of udp(7) */
void capture_bound(int fd, const struct sockaddr *name, socklen_t size);
void capture_accepted(int listener, int fd);
void capture_forget(int fd);
void capture_born(
	int fd); /* likewise; the number is one that has just been given out */
void capture_disown(int fd); /* foreign until the number is a new socket's */
void capture_close_range(unsigned first, unsigned last, int flags);

/* Around a call that puts something else in the place of `fd` if it succeeds:
 * before it, and after it if it has. */
uint64_t capture_replaces(int fd);
void capture_replaced(int fd, uint64_t before);

/* Whether this is the address of one who answers at a DNS port. */
bool capture_serves(const struct sockaddr *name, socklen_t size);

/* Fills everything of *event that tells between whom a message of `call` passes;
 * not its size. */
void capture_fill(struct event *event, const struct capture_call *call,
		  bool serves, const struct address *local,
		  const struct address *remote);
