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

#include "shim/base/thread.h"
#include "shim/capture/fdtable.h"

/* Messages from and to these ports (a bitmap, which must stay) are captured
 * from now on, for the rest of the process's life. */
void capture_begin(const uint64_t *ports);

extern _Atomic bool capture_active;

/* False: nothing that happens on `fd` is of interest. The hooks look here
 * before the real call, and at nothing else if the answer is no. */
static inline bool capture_watches(int fd)
{
	return atomic_load_explicit(&capture_active, memory_order_acquire) &&
	       !thread_is_muted() && fd_kind(fdtable_word(fd)) != FD_FOREIGN;
}

/*
 * `size` octets (> 0) crossed `fd`, from or into the octets of `message`'s
 * vector, in that order. `message` is as the real call left it: a name if an
 * address was given or returned, control data, flags. `word` is fdtable_word(fd)
 * from before the call, `time_ns` the wall time.
 */
void capture_message(int fd, uint64_t word, bool sent, uint64_t time_ns,
		     const struct msghdr *message, size_t size);

/* To be asked of a call with MSG_TRUNC: true if `fd` is a TCP connection, from
 * which it takes octets without writing them anywhere (tcp(7)). What becomes of
 * the stream cannot be known then, so it is given up. */
bool capture_discards(int fd);

/* The fd table's side of socket(2), connect(2) and bind(2), and of what ends the
 * life of an fd or begins another. */
void capture_socket(int fd, int domain, int type, int protocol);
void capture_connect(int fd, const struct sockaddr *name, socklen_t size);
void capture_unlearn(int fd);
void capture_forget(int fd);
void capture_forget_range(unsigned first, unsigned last);
