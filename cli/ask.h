/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the library in a process by the socket of shim/tap/control.h.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* All zero: none. */
struct reply {
	bool done;
	char *text; /* behind the first line; NUL-terminated */
};

/*
 * Has process `pid` carry out a command, with `body` (NULL: none) behind it. What
 * answers is that process, by what the kernel says; where that is in another network
 * namespace, this process enters it, if it may. Returns 0; -ENOENT: nobody serves
 * there; or another -errno. Release with reply_free.
 */
int ask(pid_t pid, const char *command, const char *body, struct reply *reply);

/* The same, once, of who answers within an instant. */
int ask_briefly(pid_t pid, const char *command, struct reply *reply);

void reply_free(struct reply *reply);

/* Why nobody serves there: a sentence. */
const char *ask_why(pid_t pid);

/* Says what is wrong with an answer, or why there is none (`error`), if anything is.
 * name: of the file whose text was sent, or NULL. Returns an exit status: `refused` where
 * the process has refused to do it. */
int reply_explain(const struct reply *reply, int error, pid_t pid, int refused,
		  const char *name);
