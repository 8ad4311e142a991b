/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that taps name, read and tried before their threads run.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

#define TAP_ERROR_MAX  512
#define TLS_STACK_SIZE (512 * 1024) /* of a thread that calls OpenSSL */

/*
 * In the constructor: reads the files that the taps name, before the host gives
 * up its root directory and its privileges. What is wrong with one is wrong with
 * the configuration: false, and a sentence in `error` (TAP_ERROR_MAX octets).
 */
bool tap_prepare(const struct config *config, char *error);

/* The same of one that is added later, by a tap's thread: of the files it sees by then. */
bool tap_prepare_one(const struct config *config, size_t index, char *error);

/* Do the files that it names hold something else than then? */
bool tap_is_renewed(const struct config *config, size_t index);

/* It is not to be after all, and nobody has seen it. */
void tap_unprepare_one(const struct config *config, size_t index);

/* Once it is known that the process is a DNS server: tries out what those files hold of
 * the taps from `first` on, on a thread of its own, likewise. Where no thread can be had,
 * true. */
bool tap_try(const struct config *config, size_t first, char *error);

/* What their transport has made of it (shim/tap/transport/transport.h). */
struct prepared;
struct prepared *tap_prepared(size_t index);
