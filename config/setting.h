/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings: lines of their own in a configuration, or variables of the
 * environment. One table for both and for printing.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"
#include "config/error.h"
#include "config/value.h"

/* No more rows than this. */
#define SETTINGS_MAX 9

/* A configuration under construction, and the defaults of its taps. */
struct settings {
	struct config *config;
	char *identity, *version, *extra;
};

struct setting {
	const char *name;
	const char *variable;
	size_t env;        /* the variable's value in struct config_env */
	unsigned min, max; /* words after the name */
	const char *form;
	void (*set)(struct settings *settings, const struct words *words,
		    struct errors *errors);

	/* Writes the words; NULL: printed with each tap. */
	void (*show)(const struct config *config, FILE *out);
};

extern const struct keywords settings_names;

const struct setting *setting_at(size_t i);

void settings_default_tls_ports(struct config *config);

/* Sets what the environment sets. An empty variable counts as unset. */
void settings_from_env(struct settings *settings, const struct config_env *env,
		       struct errors *errors);
