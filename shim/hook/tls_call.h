/* SPDX-License-Identifier: Apache-2.0
 *
 * What capture is shown of a call by which the host reads or writes clear text, around
 * the real one.
 *
 * What is written is copied before the call, and crosses with what the library has
 * taken of it. Behind a cancellation nothing of ours runs: the copy goes when the thread
 * writes again. Stacks may be switched within the call. It may do so octet by octet, and by calls that are hooked too: they
 * find a connection of which nothing is looked at.
 */
#pragma once

#include "shim/capture/capture.h"
#include "shim/hook/tls_library.h"

/* A call on a session. */
struct tls_call {
	const struct tls_library *library;
	void *session;
	bool watched;      /* from before the real call on */
	bool observed;     /* it is one of DNS */
	int fd;            /* of a call that reads, as known before it, */
	uint64_t state;    /* and its state then; or -1 */
	const void *outer; /* the call that this one is made in */
	struct capture_call call; /* where it is observed */
};

/* Most processes that speak TLS have no DNS in it. */
static inline bool tls_call_is_idle(void)
{
	return __builtin_expect(
		!atomic_load_explicit(&tls_is_used, memory_order_relaxed), 1);
}

/* Around a call that reads: `size` octets it was in the end. */
void tls_expect(struct tls_call *tls, const struct tls_library *library,
		void *session);
void tls_received(struct tls_call *tls, void *to, size_t size);

/* In the place of both: within the call the connection may have turned out to be one
 * of DNS. */
void tls_received_late(const struct tls_library *library, void *session,
		       void *to, size_t size);

/* Before a handshake: where the library knows the fd, it is a connection of TLS; and a
 * new session is none that was known. */
void tls_handshake_begins(const struct tls_library *library, void *session);

/* Around a call that writes: `size` octets it is to write, and has written. */
void tls_depart(struct tls_call *tls, const struct tls_library *library,
		void *session, const void *from, size_t size);
void tls_land(struct tls_call *tls, size_t size);
