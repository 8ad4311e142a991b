/* SPDX-License-Identifier: Apache-2.0
 *
 * A tap's configuration as an object: its defaults, its strings, its place
 * among the others.
 */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "config/error.h"
#include "config/property.h"
#include "config/setting.h"

/* Every default that needs no memory. */
void tap_config_init(struct tap_config *tap);

/* Fills in what the tap itself leaves to the settings. */
void tap_config_complete(struct tap_config *tap,
			 const struct settings *settings,
			 struct errors *errors);

void tap_config_release(struct tap_config *tap);

/* Moves the tap into the configuration; `at` is where it stands in the text. */
void config_add_tap(struct config *config, struct tap_config *tap,
		    const struct token *at, struct errors *errors);

/* Combinations that would not do what they seem to say. */

/*
 * Checks a tap whose SOCKET and properties were read. `socket` is the word in
 * the text; `set` holds, for each row of the properties, the word that set it,
 * or a token without a text. `config` holds the taps before this one.
 */
void check_tap(const struct tap_config *tap, const struct token *socket,
	       const struct token set[PROPERTIES_MAX],
	       const struct config *config, struct errors *errors);
