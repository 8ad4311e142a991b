/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams of HTTP/2 in which a DNS message is half through, in one direction of a
 * connection. All but streams_reset() belongs to the thread that has the
 * direction.
 */
#pragma once

#include <stdatomic.h>

#include "shim/capture/http/body.h"

/* As many as servers let a client have at one time: 100, mostly. */
#define STREAMS_MAX 128

/*
 * Octets that are kept of all, where each counts as STREAM_LEAST at least. The pool
 * is everybody's: a connection that leaves many bodies half through, or windows so
 * small that the server must, may not have more of it than some others together.
 */
#define STREAMS_KEPT_MAX (256 * 1024)
#define STREAM_LEAST     8192

/* A body of a length that nobody has said. */
#define STREAM_UNMEASURED INT32_MAX

struct half {
	struct body body;
	uint32_t length : 31; /* that it is to have */
	uint32_t whole : 1;   /* a request's target had it */
};

/* All zero: none. */
struct streams {
	/* 0: no stream. A marked one was reset by the side that it is sent to. */
	_Atomic uint32_t id[STREAMS_MAX];
	struct half half[STREAMS_MAX];
	unsigned top; /* there are none from here on */
	size_t kept;  /* of STREAMS_KEPT_MAX */
};

/* Returns NULL if there is none that is half through. */
struct half *streams_find(struct streams *streams, uint32_t id);

/* Begins as `half`, which is the table's then. Returns false if there is no room. */
bool streams_open(struct streams *streams, uint32_t id,
		  const struct half *half);

/* The next octets of its body, as body_add(). */
void streams_add(struct streams *streams, struct half *half,
		 struct octets *octets, size_t size);

/* Where the table is full the oldest goes that the other side has reset: whoever sends it may
 * end it yet, so it is to be counted as lost. Returns whether one went. */
bool streams_evict(struct streams *streams);

/* Its body is through, and the caller's. */
void streams_close(struct streams *streams, struct half *half);

/* The side that sends it has reset it: it will not be whole. */
void streams_cut(struct streams *streams, uint32_t id);

/* The other side has. What was on its way then crosses nevertheless, so this only makes
 * room where that lacks. For the threads of both directions. */
void streams_reset(struct streams *streams, uint32_t id);

bool streams_is_reset(struct streams *streams, const struct half *half);

/* Gives back what is kept of all. */
void streams_drop(struct streams *streams);
