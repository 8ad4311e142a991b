/* SPDX-License-Identifier: Apache-2.0
 *
 * A collector's name → its addresses, on a thread that does nothing else.
 *
 * Modules of the name service may keep fds for the whole process, so a look-up
 * happens neither on a tap's thread, whose fds are its own, nor on the host's
 * threads, which must not wait.
 */
#pragma once

#include <stddef.h>
#include <sys/socket.h>

#define RESOLVER_ADDRESSES_MAX 16

struct resolver_address {
	struct sockaddr_storage name;
	socklen_t size;
};

struct resolver_answer {
	int error; /* of getaddrinfo(3); 0: there is at least one address */
	size_t count;
	struct resolver_address address[RESOLVER_ADDRESSES_MAX];
};

struct resolver;

/* Starts the thread; it has the fds of the calling one, so by then that must have
 * the host's. NULL: out of threads or memory. Both arguments must stay. */
struct resolver *resolver_start(const char *host, const char *port);

/* Ends it, once a look-up that is under way is over. */
void resolver_end(struct resolver *resolver);

/* Asks anew, or joins the look-up that is under way. The calling thread gets
 * QUEUE_WAKE_SIGNAL when the answer is there. */
void resolver_ask(struct resolver *resolver);

/* Returns NULL as long as there is none; it stays until the next question. */
const struct resolver_answer *resolver_answer(struct resolver *resolver);

/* The same while the caller waits, with flags of getaddrinfo(3). */
void resolver_look_up(const char *host, const char *port, int flags,
		      struct resolver_answer *answer);

/* The same at once, for an address in figures. */
void resolver_figures(const char *host, const char *port, int flags,
		      struct resolver_answer *answer);
