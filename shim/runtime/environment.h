/* SPDX-License-Identifier: Apache-2.0
 *
 * What the environment says. Once, at the beginning: malloc(3) is called.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct config;

/* False: DNSTAP_DISABLE. In a set-id program, whose environment is its caller's,
 * environment_load finds nothing. */
bool environment_wanted(void);

/* NULL; or why nothing is to be tapped: what is wrong has been logged. */
const char *environment_load(struct config **config);

struct config_error;

/*
 * Anew, at any time: what DNSTAP_CONFIG names, or `text` in its place, with the
 * environment and the name that the program had in the beginning. Returns 0, or what
 * config_load() does.
 */
int environment_reload(const char *text, const char *program,
		       struct config **config, struct config_error **errors);

/* For whoever inspects the process: what became of its configuration. */
#define ENVIRONMENT_READY "ready"

/* How long the end may take: DNSTAP_EXIT_MS. */
uint64_t environment_exit_ns(void);
