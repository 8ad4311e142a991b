/* SPDX-License-Identifier: Apache-2.0
 *
 * Combinations that would not do what they seem to say.
 */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "config/error.h"
#include "config/property.h"

/*
 * Checks a tap whose SOCKET and properties were read. `socket` is the word in
 * the text; `set` holds, for each row of the properties, the word that set it,
 * or a token without a text. `config` holds the taps before this one.
 */
void check_tap(const struct tap_config *tap, const struct token *socket,
	       const struct token set[PROPERTIES_MAX],
	       const struct config *config, struct errors *errors);
