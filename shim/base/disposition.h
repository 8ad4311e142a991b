/* SPDX-License-Identifier: Apache-2.0
 *
 * Default actions that are ours, under another face.
 *
 * Where a signal's default action would end the process, a handler of ours may
 * stand in for it. All that the host has said of that default action (its mask,
 * its flags) stays with the kernel: the mask and most flags as they are, the few
 * that ours needs otherwise by which of the handlers it is. So there is nothing to
 * be remembered, which threads could see half of, or a child of vfork(2) share
 * with a parent whose dispositions are others.
 *
 * Pure but for disposition_begin(). Async-signal-safe.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

/* Not in libc's headers: what a handler returns to is said in sa_restorer. */
#define DISPOSITION_RESTORER 0x04000000

typedef void disposition_handler(int number, siginfo_t *info, void *context);

/* What the handlers lead to. */
void disposition_begin(disposition_handler *taken);

/* Whether this is a signal of which the default action is taken. Their list. */
bool disposition_ends(int number);
extern const int disposition_numbers[3];

/* From the flags of a default action to those of ours, which is returned. */
disposition_handler *disposition_take(unsigned *flags);

/* Back again. Returns false, having done nothing, if the handler is none of
 * ours. */
bool disposition_show(disposition_handler *handler, unsigned *flags);
