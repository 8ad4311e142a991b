/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the configuration share: loading a text, printing it, and
 * comparing two configurations field by field.
 */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/print.h"

#define CASE_HOST    "host.example"
#define CASE_VERSION "named dnstapshim/" DNSTAPSHIM_VERSION

/* The environment of a test: a text and a host, nothing else. */
static inline struct config_env case_env(const char *text)
{
	return (struct config_env){
		.config = text,
		.host_name = CASE_HOST,
		.program = "named",
	};
}

static inline struct config *case_load(const struct config_env *env)
{
	struct config_error *errors = NULL;
	struct config *config = NULL;
	int err = config_load(env, &config, &errors);

	cr_assert_eq(err, 0, "%s: %s", env->config,
		     errors ? errors->text : strerror(-err));
	return config;
}

static inline struct config *case_load_text(const char *text)
{
	struct config_env env = case_env(text);

	return case_load(&env);
}

static inline bool case_refused(const char *text)
{
	struct config_env env = case_env(text);
	struct config_error *errors = NULL;
	struct config *config = NULL;
	int err = config_load(&env, &config, &errors);

	config_free(config);
	config_errors_free(errors);
	return err == -EINVAL && errors;
}

/* To be freed. */
static inline char *case_print(const struct config *config)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	config_print(config, out);
	fclose(out);
	return text;
}

static inline bool case_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static inline bool case_same_tap(const struct tap_config *a,
				 const struct tap_config *b)
{
	return a->kind == b->kind && a->listen == b->listen &&
	       a->full == b->full && a->unidirectional == b->unidirectional &&
	       a->write_buffer == b->write_buffer && a->queue == b->queue &&
	       a->skip_verify == b->skip_verify && a->types == b->types &&
	       a->role == b->role && a->sample == b->sample &&
	       a->rotate_size == b->rotate_size &&
	       a->rotate_count == b->rotate_count &&
	       a->anonymize_v4 == b->anonymize_v4 &&
	       a->anonymize_v6 == b->anonymize_v6 &&
	       case_same_text(a->socket, b->socket) &&
	       case_same_text(a->address, b->address) &&
	       case_same_text(a->port, b->port) &&
	       case_same_text(a->identity, b->identity) &&
	       case_same_text(a->version, b->version) &&
	       case_same_text(a->extra, b->extra) &&
	       case_same_text(a->tls_cert, b->tls_cert) &&
	       case_same_text(a->tls_key, b->tls_key) &&
	       case_same_text(a->tls_ca, b->tls_ca) &&
	       case_same_text(a->tls_servername, b->tls_servername);
}

static inline bool case_same(const struct config *a, const struct config *b)
{
	if (a->n_taps != b->n_taps || a->log != b->log ||
	    !case_same_text(a->log_path, b->log_path) ||
	    !case_same_text(a->metrics_path, b->metrics_path) ||
	    memcmp(a->ports, b->ports, sizeof(a->ports)) != 0)
		return false;
	for (size_t i = 0; i < a->n_taps; i++)
		if (!case_same_tap(&a->taps[i], &b->taps[i]))
			return false;
	return true;
}
