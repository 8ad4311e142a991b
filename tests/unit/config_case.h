/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the configuration share: loading a text, printing it, and
 * comparing two configurations field by field.
 */
#pragma once

#include <criterion/criterion.h>

#include <errno.h>
#include <malloc.h>
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

static inline bool case_same_strings(const struct tap_config *a,
				     const struct tap_config *b)
{
#define SAME(name) case_same_text(a->name, b->name) &&
	return TAP_STRINGS(SAME) true;
#undef SAME
}

static inline bool case_same_side(const struct filter_side *a,
				  const struct filter_side *b)
{
	char word[FILTER_WORD_MAX], other[FILTER_WORD_MAX];

	for (enum filter_key key = 0; key < FILTER_KEYS; key++) {
		bool more, others;
		size_t i = 0;

		do {
			more = filter_word(a, key, i, word);
			others = filter_word(b, key, i++, other);
			if (more != others || (more && strcmp(word, other)))
				return false;
		} while (more);
	}
	return a->set == b->set;
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
	       a->timestamps == b->timestamps && a->current == b->current &&
	       a->rotate_period == b->rotate_period &&
	       a->rotate_count == b->rotate_count &&
	       a->anonymize_v4 == b->anonymize_v4 &&
	       a->anonymize_v6 == b->anonymize_v6 &&
	       case_same_side(&a->filter.only, &b->filter.only) &&
	       case_same_side(&a->filter.except, &b->filter.except) &&
	       case_same_strings(a, b);
}

static inline bool case_same(const struct config *a, const struct config *b)
{
	if (a->n_taps != b->n_taps || a->log != b->log ||
	    !case_same_text(a->log_path, b->log_path) ||
	    !case_same_text(a->metrics_path, b->metrics_path) ||
	    !case_same_text(a->recorder, b->recorder) ||
	    memcmp(a->ports, b->ports, sizeof(a->ports)) != 0 ||
	    memcmp(a->tls_ports, b->tls_ports, sizeof(a->tls_ports)) != 0 ||
	    a->https != b->https || !proxies_same(&a->proxies, &b->proxies))
		return false;
	for (size_t i = 0; i < a->n_taps; i++)
		if (!case_same_tap(&a->taps[i], &b->taps[i]))
			return false;
	return true;
}

/* What is said is printed, and reads the same; `otherwise` says nothing of it. */
static inline void case_expect_printed(const char *text, const char *otherwise)
{
	struct config *config = case_load_text(text);
	struct config *other = case_load_text(otherwise);
	char *printed = case_print(config), *other_printed = case_print(other);
	struct config *again = case_load_text(printed);

	cr_expect_str_neq(printed, other_printed, "%s", text);
	cr_expect(case_same(config, again), "%s", printed);
	config_free(again);
	free(other_printed);
	free(printed);
	config_free(other);
	config_free(config);
}

/* Loads and frees: a word of 40 octets that is forgotten is left each time, but not
 * what the test's own tools keep. */
static inline void case_expect_nothing_left(const char *text)
{
	const size_t loads = 100;
	size_t before = mallinfo2().uordblks;

	for (size_t n = 0; n < loads; n++)
		config_free(case_load_text(text));
	cr_expect_lt(mallinfo2().uordblks, before + loads * 16, "%s", text);
}
