/* SPDX-License-Identifier: Apache-2.0
 *
 * A tap's configuration as an object: its defaults, its strings, its place
 * among the others.
 */
#pragma once

#include "config/config.h"
#include "config/error.h"
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
