/* SPDX-License-Identifier: Apache-2.0
 *
 * fd → what the socket is: a cache of facts that the kernel can be asked again.
 *
 * Forgetting is therefore always right, and an fd never seen (inherited, passed
 * over a socket, left over by a close that nobody saw) is simply unknown. Every
 * entry carries a generation, so that facts learned about one socket are never
 * kept for the next one of the same number. Lock-free; async-signal-safe.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/address.h"
#include "shim/capture/stream.h"

/* Higher numbers are asked for at every message. */
#define FDTABLE_MAX (1 << 20)

#define FDTABLE_CHUNK 256

enum fd_kind {
	FD_UNKNOWN,
	/* Unknown but for what socket(2) was asked for, and, where the remote
	 * port is not 0, connect(2). */
	FD_FRESH_UDP,
	FD_FRESH_TCP,
	FD_FRESH_ACCEPTED, /* unknown but that it is a connection at its beginning */
	FD_LEARNING,       /* a thread is about to write the facts */
	FD_NOT_DNS,        /* nothing of DNS */
	FD_DATAGRAM,
	FD_STREAM,   /* DNS, unless a TLS library says that it is its own */
	FD_TLS_PORT, /* TLS, or nothing that is looked at */
	FD_TLS,      /* its octets tell nothing: its session is looked at */
};

struct fd_info {
	_Alignas(16) struct address local;
	struct address remote; /* of a connected socket */
	bool serves;           /* the local port is a DNS port */
	bool introduced;       /* by a proxy: fdtable_introduction() */
	uint8_t name_size;     /* of a name in the socket's address family */
	bool corked;           /* UDP_CORK */
	uint16_t segment;      /* UDP_SEGMENT */
	bool joins;            /* UDP_GRO */
	bool routed; /* what it sends may go another way than of other sockets */
};

/*
 * One direction of a TCP connection. A thread that is at it has it locked: it works on
 * a copy, and what it puts back comes to nothing if the number has become another
 * socket's meanwhile. So a lock that was left behind (by a jump out of a signal
 * handler, or in the parent of a fork) ends with its socket.
 */
struct fd_stream {
	/* From the lowest bit: 31 of stream_pack(), FD_STREAM_LOCKED, and the
	 * upper half of the entry's state: whose stream this is. */
	_Atomic uint64_t state;
	_Atomic uint32_t sequence; /* counts the calls that were at it */
};

#define FD_STREAM_LOCKED (1u << STREAM_BITS)

/* As octets in which a proxy introduced the connection. */
#define FD_INTRODUCTION_MAX 56

struct fd_entry {
	/* From the lowest bit: 8 bits of fd_kind, 24 that count the changes of
	 * what is known, 32 that count the sockets of this number. */
	_Alignas(64) _Atomic uint64_t state;
	_Atomic uint64_t info[6];
	struct fd_stream stream[2]; /* received, sent */
	_Atomic uint64_t http;      /* see http_pair.h */
	/* Its length in the first octet; follows the same rules as the facts. */
	_Atomic uint64_t introduction[FD_INTRODUCTION_MAX / 8];
};

_Static_assert(sizeof(struct fd_info) == 6 * 8, "the facts fit an entry");

extern struct fd_entry *_Atomic fdtable_chunk[FDTABLE_MAX / FDTABLE_CHUNK];

static inline enum fd_kind fd_kind(uint64_t state)
{
	return (enum fd_kind)(state & 0xff);
}

/* True if two states of one fd are of the same socket. */
static inline bool fd_same_socket(uint64_t a, uint64_t b)
{
	return (a ^ b) >> 32 == 0;
}

/* The entry of an fd, or NULL where none has been written yet. */
static inline struct fd_entry *fdtable_entry(int fd)
{
	if ((unsigned)fd >= FDTABLE_MAX)
		return NULL;
	struct fd_entry *chunk = atomic_load_explicit(
		&fdtable_chunk[fd / FDTABLE_CHUNK], memory_order_acquire);
	return chunk ? &chunk[fd % FDTABLE_CHUNK] : NULL;
}

/* The same, made if need be; NULL where it cannot be. */
struct fd_entry *fdtable_make(int fd);

/* From now on a socket that is met for the first time may have been there for long, and
 * if it is a connection its place in the stream cannot be known; what is told of its
 * beginning is therefore written down for every number. */
void fdtable_distrust(void);

/* What is known of an fd right now: its kind and its counts. */
static inline uint64_t fdtable_state(int fd)
{
	struct fd_entry *entry = fdtable_entry(fd);

	return entry ? atomic_load_explicit(&entry->state, memory_order_acquire)
		     : FD_UNKNOWN;
}

/* Copies the facts of an entry whose state is `state`. Returns false if they have
 * changed meanwhile. */
static inline bool fdtable_read(struct fd_entry *entry, uint64_t state,
				struct fd_info *info)
{
	uint8_t *to = (uint8_t *)info;

	/* Word by word into place: a second copy would have to wait for it. Inline
	 * also in the hooks, which are compiled without builtins. */
#pragma GCC unroll 6
	for (size_t i = 0; i < 6; i++) {
		uint64_t piece = atomic_load_explicit(&entry->info[i],
						      memory_order_relaxed);
		__builtin_memcpy(to + i * sizeof(piece), &piece, sizeof(piece));
	}
	/* The loads above stay above the look at the state: partner of the
	 * stores in fdtable_learn. */
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&entry->state, memory_order_relaxed) ==
	       state;
}

/* Whether an fd of this kind is a TCP connection, of which the octets are looked
 * at. */
static inline bool fd_is_stream(enum fd_kind kind)
{
	return kind == FD_STREAM || kind == FD_TLS_PORT;
}

/* Returns the fd's state; if that says what it is, *info is assigned. */
static inline uint64_t fdtable_known(int fd, struct fd_info *info)
{
	struct fd_entry *entry = fdtable_entry(fd);
	uint64_t state = fdtable_state(fd);

	if (fd_kind(state) >= FD_NOT_DNS && !fdtable_read(entry, state, info))
		return (state & ~0xffull) | FD_UNKNOWN;
	return state;
}

/* Which call is the next on this direction of a connection. */
static inline uint32_t fdtable_sequence(int fd, bool sent)
{
	struct fd_entry *entry = fdtable_entry(fd);

	return entry ? atomic_load_explicit(&entry->stream[sent].sequence,
					    memory_order_acquire)
		     : 0;
}

/* Records what was learned about `fd` while its state was `state`. Returns the state
 * that it is known under, or 0, having recorded nothing, if `state` has changed or
 * somebody else is learning. */
uint64_t fdtable_learn(int fd, uint64_t state, enum fd_kind kind,
		       const struct fd_info *info);

/* The same of a connection that a proxy has introduced in these octets. */
uint64_t fdtable_introduce(int fd, uint64_t state, const struct fd_info *info,
			   const uint8_t *octets, size_t size);

/* Copies those octets. Returns how many, or 0 if the entry's state is not `state`
 * any more. */
size_t fdtable_introduction(struct fd_entry *entry, uint64_t state,
			    uint8_t octets[FD_INTRODUCTION_MAX]);

/* A new socket, of which only socket(2)'s arguments are known. */
void fdtable_fresh(int fd, enum fd_kind kind);

/* It was connected to `remote`, or is being connected. */
void fdtable_connected(int fd, const struct address *remote);

/* A datagram socket was told which way to send. */
void fdtable_routed(int fd);

/* The same socket has got another address. */
void fdtable_unlearn(int fd);

/* The number stands, or will stand, for something else. */
void fdtable_forget(int fd);
void fdtable_forget_range(unsigned first, unsigned last);

/* Something else was put in the place of what it stood for when its state was
 * `before`. If it has been forgotten since, it is another's by now. */
void fdtable_replaced(int fd, uint64_t before);
