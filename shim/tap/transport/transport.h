/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection to a collector, or one file: octets out, octets in, never
 * waiting. One table of functions for each kind of endpoint.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/config.h"

#define TRANSPORT_ERROR_MAX 256

/* What a kind reads at the very beginning, before the host gives up its root
 * directory and its privileges. */
struct prepared;

struct progress;
struct transport;

struct transport_ops {
	size_t size; /* of the structure that begins with struct transport */

	/* NULL where there is nothing to prepare or to begin. prepare, unprepare, try, differ:
	 * see transport_prepare. begin: as endpoint_ops.begin. end: undoes it. */
	int (*prepare)(const struct tap_config *config,
		       struct prepared **prepared, char *error);
	void (*unprepare)(struct prepared *prepared);
	bool (*differ)(const struct prepared *then, const struct prepared *now);
	int (*try)(const struct tap_config *config,
		   const struct prepared *prepared, char *error);
	int (*begin)(struct transport *transport);
	void (*end)(struct transport *transport);

	/* Begins to connect. 0: established; -EAGAIN: call establish when the
	 * fd is ready for `events`; else -errno, and nothing is open. */
	int (*open)(struct transport *transport);
	/* Likewise, at any time. May have changed fd and events. */
	int (*establish)(struct transport *transport);
	/* As read(2) and write(2), but with -EAGAIN and -errno. After -EAGAIN
	 * from write, `events` says when to try again, with the same octets.
	 * No read: nothing ever comes back, and there is nothing to wait for. */
	ssize_t (*read)(struct transport *transport, void *data, size_t size);
	ssize_t (*write)(struct transport *transport, const void *data,
			 size_t size);
	/* Whether this stream is to end by now and another to begin, whatever
	 * room it has. If not, ->due is set anew. NULL: never; whoever has it has
	 * `cut`. */
	bool (*is_over)(struct transport *transport, uint64_t now_ns);
	/* The last `octets` written begin a frame that will not be completed:
	 * takes them back. NULL where that cannot be. */
	void (*cut)(struct transport *transport, size_t octets);
	/* Safe in any state. */
	void (*close)(struct transport *transport);
};

struct transport {
	const struct transport_ops *ops;
	const struct tap_config *config;
	const struct prepared *prepared;
	int fd;       /* -1: not open */
	short events; /* what poll(2) is to wait for */
	/* Of what is written next the kernel is to note how much it has taken;
	 * NULL: or else of a kind that cannot. */
	struct progress *progress;
	uint64_t room; /* octets that may still be written before this stream is
			* to end and another to begin */
	uint64_t due;  /* when to ask is_over again at the latest */
	/* For the log: what has been reached, once it is established; and more
	 * than an errno says, or "" if there is no more. */
	char about[TRANSPORT_ERROR_MAX];
	char error[TRANSPORT_ERROR_MAX];
};

extern const struct transport_ops transport_unix, transport_tcp, transport_tls,
	transport_file;

/*
 * In the constructor: reads the files that the endpoint names. Returns 0 and
 * *prepared, which may be NULL; or -errno, and in `error` (TRANSPORT_ERROR_MAX octets) a
 * sentence that says what is wrong.
 */
int transport_prepare(const struct tap_config *config,
		      struct prepared **prepared, char *error);

/* Of an endpoint that nobody has opened, and nobody will. */
void transport_unprepare(const struct tap_config *config,
			 struct prepared *prepared);

/* Do the files hold something else by now? What cannot be read does not. */
bool transport_is_renewed(const struct tap_config *config,
			  const struct prepared *prepared);

/* Tries out what was read, which takes milliseconds and much stack: 0, or -errno and
 * likewise a sentence. */
int transport_try(const struct tap_config *config,
		  const struct prepared *prepared, char *error);

/* False if the host's own seccomp filter might end the process for a call that this
 * endpoint needs to be opened. */
bool transport_allowed(const struct tap_config *config);

/* The one for the endpoint's kind; NULL when out of memory or threads. */
struct transport *transport_new(const struct tap_config *config,
				const struct prepared *prepared);
void transport_free(struct transport *transport);

/* The one for a connection that a collector has made to us; takes the fd over
 * unless it returns NULL: out of memory. `context` is an SSL_CTX that stays, for
 * a kind with TLS. It opens but once. */
struct transport *transport_accepted(const struct tap_config *config, int fd,
				     void *context);

/* Shared by the kinds that are plain sockets. */
ssize_t transport_socket_read(struct transport *transport, void *data,
			      size_t size);
ssize_t transport_socket_write(struct transport *transport, const void *data,
			       size_t size);
void transport_socket_close(struct transport *transport);
