/* SPDX-License-Identifier: Apache-2.0
 *
 * The causes for which a message that crossed a socket is not in the log. Every
 * such message is counted under exactly one of them, per tap.
 */
#pragma once

#define DROP_CAUSES(X)                                                         \
	X(QUEUE_FULL, "queue_full") /* the queue was full */                   \
	X(UNSTARTED, "unstarted") /* no memory or no thread for the tap yet */ \
	X(MALFORMED, "malformed") /* shorter than a DNS header */              \
	X(TRUNCATED, "truncated") /* cut short by the server's own buffer */   \
	/* in a TCP stream that was given up, or an unclear HTTP request */    \
	X(STREAM, "stream")                                                    \
	X(POOL, "pool")           /* no memory for half a TCP message */       \
	X(ABANDONED, "abandoned") /* its thread left while copying it */       \
	X(TOO_LARGE, "too_large") /* over the frame limit of collectors */     \
	X(ENDPOINT, "endpoint")   /* the endpoint was away until the end */    \
	X(KILLED, "killed")       /* queued in a process that was killed */    \
	X(UNSOLICITED, "unsolicited") /* a response that nobody asked for */   \
	X(UNACCOUNTED, "unaccounted") /* a fault of ours: nobody knows why */

enum drop_cause {
#define X(id, name) DROP_##id,
	DROP_CAUSES(X)
#undef X
		DROP_CAUSE_COUNT
};

/* As the log and the metrics call them. */
extern const char *const drop_names[DROP_CAUSE_COUNT];
