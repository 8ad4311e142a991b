/* SPDX-License-Identifier: Apache-2.0
 *
 * SOCKET: where a tap's messages go. PATH, unix://PATH, unix://@NAME,
 * tcp://HOST:PORT, tls://HOST:PORT or file://PATH.
 */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "config/error.h"

/* Fills kind, socket, address and port of *tap. Returns false if the word is at
 * fault, which it adds to the errors. */
bool socket_read(const struct token *word, struct tap_config *tap,
		 struct errors *errors);

/* Cuts HOST:PORT or [ADDRESS]:PORT in two, in place; `text` becomes the former.
 * Returns NULL, or what is wrong with it. */
const char *socket_cut(char *text, char **port);

/* Can it be a SOCKET even where the word `dnstap` is left out? */
bool socket_like(const char *word);
