/* SPDX-License-Identifier: Apache-2.0
 *
 * One thing that the collector polls: a listening socket, a sender's
 * connection, a tap that we connect to, or a file.
 */
#pragma once

#include <sys/types.h>

#include "cli/read/receiver.h"
#include "shim/tap/endpoint/listener.h"
#include "shim/tap/transport/resolver.h"

/* Where a tap listens. */
struct outgoing {
	struct resolver_answer to;
	size_t next;   /* of its addresses; 0: all had their turn */
	bool reported; /* the user knows that it is not there */
};

struct source {
	char *name;                /* the path or the address, as given */
	bool listens;              /* otherwise a stream */
	struct listener *listener; /* of the first of its sockets; or NULL */
	struct outgoing *outgoing; /* we connect, again and again; or NULL */
	struct follow *follow;     /* of a file that may grow; or NULL */
	unsigned place;            /* in its follow: how many came before */
	bool resting;              /* at the end of what there is by now */
	unsigned connections;      /* of a listening socket, so far */
	unsigned number;           /* of a connection; 0: a file */
	int64_t deadline; /* of the handshake, to connect, of the rest; 0: none */
	struct receiver receiver; /* a listening socket uses its fd only */
};

/* Milliseconds of a steady clock, for deadlines. */
int64_t source_clock(void);

/*
 * Listen at a path or @name, with the mode (mode_t)-1 for what the umask leaves,
 * or at each address of HOST:PORT; :PORT is all of them. Return 0 and *listener;
 * or -EINVAL if the text has another form, -ERANGE if PORT is no port, -ENOENT if HOST or PORT is not known,
 * or -errno as listener_open does.
 */
int source_listen_unix(const char *path, mode_t mode,
		       struct listener **listener);
int source_listen_tcp(const char *text, struct listener **listener);
void source_unlisten(struct listener *listener, const char *name);

/* where: a path or @name; if it has a colon and no slash, HOST:PORT as in a
 * tap. Returns 0 and *outgoing (release with free), or -errno likewise. */
int source_find(const char *where, struct outgoing **outgoing);

/* Begins to connect to the tap's next address. The tap speaks first: who reads
 * learns whether there is a connection. timeout: for its handshake, ms; 0: none. */
void source_connect(struct source *source, int timeout);

/* The tap has greeted us: this is a connection. */
void source_connected(struct source *source);

/* It is not there, or did not greet us: says so once, and sets the time of the
 * next attempt. */
void source_failed(struct source *source, int error);

/* Closes the connection and sets the time of the next attempt. */
void source_disconnect(struct source *source);

/* At the end of a file that may grow: whether it was seen to its end, and another
 * has taken its place. If not, it rests for a while. */
bool source_is_over(struct source *source);

/* How far a file has been read, and its size. Returns false for what is none. */
bool source_extent(const struct source *source, uint64_t *at, uint64_t *size);

/* A file that has become shorter is read from its beginning. */
void source_rewind(struct source *source);

/* Says how a stream ended; error as receiver_read returned it. */
void source_report_end(const struct source *source, int error);

void source_free(struct source *source);
