/* SPDX-License-Identifier: Apache-2.0
 *
 * The socket by which an operator's command reaches this process: an abstract unix
 * socket, so that nothing lies in the file system, and a chroot changes nothing. It
 * belongs to one tap's thread, in whose table of fds it is; where that ends, another's.
 *
 * Whoever connects is known by what the kernel says of it: only root and the user as
 * whom the process runs are listened to. Others are sent away at once, and where they
 * are too many they wait. The name has an unpredictable end, so that nobody can take
 * it before; whoever looks for it finds it in /proc/PID/net/unix, and asks the kernel
 * in turn which process answers.
 *
 * A request is a line with a command, and what it needs behind that, to the end of
 * what is sent. The reply is CONTROL_DONE or CONTROL_REFUSED on a line, and text.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

#define CONTROL_NAME    "dnstapshim/%d/" /* the process's id, as it has it */
#define CONTROL_DONE    "done"
#define CONTROL_REFUSED "refused"

/* What strangers are told. */
#define CONTROL_STRANGER \
	"only root and the user as whom the process runs may ask"

#define CONTROL_CONNECTIONS 4
#define CONTROL_FDS_MAX     (1 + CONTROL_CONNECTIONS)
#define CONTROL_REQUEST_MAX (CONFIG_TEXT_MAX + 256)
#define CONTROL_REPLY_MAX   (16 << 20)
#define CONTROL_MS          5000 /* for a request and its reply */

/* Text that grows. */
struct control_reply {
	char *text;
	size_t size, room;
	bool cut; /* out of memory, or too long */
};

/* Appends to it. What stands for %s is to be cleaned by the caller. */
void control_say(struct control_reply *reply, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Carries a command out, on the thread that serves, and says what came of it behind
 * the first line. `body` is what stands behind the command. Returns whether it was
 * done. */
typedef bool control_handler(const char *command, const char *body,
			     struct control_reply *reply);

/* In the constructor: from now on taps' threads serve. `left` (or NULL) is called on one
 * that does so no longer: others are to come round. */
void control_begin(control_handler *handler, void (*left)(void));

struct control_connection {
	int fd; /* -1: none; in one that is not used it is not looked at */
	uint64_t deadline;
	char *request;
	size_t size, room;
	struct control_reply reply;
	size_t sent;
	bool replies; /* the request was carried out */
};

/* A thread's. All zero: it does not serve. */
struct control {
	bool serves;
	bool stirs; /* poll(2) says that there is something to do */
	int listener;
	uint64_t look_at;                   /* at the latest */
	uint64_t refused_until;             /* no connection was to be had */
	uint64_t strangers_from, strangers; /* who came since then */
	struct control_connection connection[CONTROL_CONNECTIONS];
};

/* Once in each cycle of a tap's thread: what can be done without waiting. */
void control_advance(struct control *control, uint64_t now_ns);

/* As endpoint_ops.poll; and behind the call, with what it has found. */
size_t control_poll(const struct control *control, struct pollfd *fds,
		    uint64_t *deadline_ns);
void control_polled(struct control *control, const struct pollfd *fds,
		    size_t count);

/* The thread ends. */
void control_end(struct control *control);
