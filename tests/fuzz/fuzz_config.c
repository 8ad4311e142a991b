/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the configuration: no text does harm, and what is accepted is printed
 * so that it reads the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/parse.h"
#include "config/print.h"

static const char *lookup(const char *name)
{
	return *name == 'H' ? "/h \"\\{$x" : NULL;
}

static char *print(const struct config *config)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	config_print(config, out);
	fclose(out);
	return text;
}

/* Every message is one printable line. */
static void check_errors(const struct config_error *errors)
{
	for (; errors; errors = errors->next)
		for (const char *at = errors->text; *at; at++)
			if ((unsigned char)*at < ' ')
				abort();
}

static struct config *load(const struct config_env *env)
{
	struct config_error *errors = NULL;
	struct config *config = NULL;
	int err = config_load(env, &config, &errors);

	if (!err == !config || !err == !!errors)
		abort();
	check_errors(errors);
	config_errors_free(errors);
	return config;
}

static void check_round_trip(const struct config *config)
{
	char *text = print(config), *again;
	struct config_env env = { .config = text, .lookup = lookup };
	struct config *reread = load(&env);

	if (!reread)
		abort();
	again = print(reread);
	if (strcmp(text, again) != 0)
		abort();
	free(again);
	free(text);
	config_free(reread);
}

/* A file may hold any octets, NUL too. */
static void fuzz_octets(const char *text, size_t size)
{
	struct settings settings = { .config =
					     calloc(1, sizeof(struct config)) };
	struct errors errors;
	struct reader reader;

	errors_init(&errors);
	if (reader_init(&reader, text, size, lookup, &errors) == 0)
		parse_configuration(&reader, &settings);
	check_errors(errors.first);
	reader_release(&reader);
	config_errors_free(errors.first);
	config_free(settings.config);
	free(settings.identity);
	free(settings.version);
	free(settings.extra);
}

static void fuzz_environment(const struct config_env *env)
{
	struct config *config = load(env);

	if (config)
		check_round_trip(config);
	config_free(config);
}

/* The blank keeps a text that begins with a slash from naming a file. */
static void fuzz_text(char *text)
{
	struct config_env env = { .config = text, .lookup = lookup };

	text[0] = ' ';
	fuzz_environment(&env);
}

/* Whatever the filter, the text is a message that it can judge. */
static void fuzz_filter(const char *text, size_t size)
{
	struct config_error *errors = NULL;
	struct tap_config tap;

	config_choice_init(&tap);
	config_choice_read(text, "text", &tap, &errors);
	check_errors(errors);
	for (size_t n = 12; n <= size; n += size - n ?: 1) {
		const struct filter_message message = {
			.payload = (const uint8_t *)text,
			.size = n,
			.response = n & 1,
		};

		filter_wants_question(&tap.filter, &message);
		filter_wants_response(&tap.filter, &message);
	}
	config_errors_free(errors);
	config_choice_free(&tap);
}

static void fuzz_variable(char which, const char *text)
{
	struct config_env env = { .config = "/a", .lookup = lookup };
	const char **const variables[] = {
		&env.identity, &env.version, &env.extra,     &env.ports,
		&env.log,      &env.metrics, &env.host_name, &env.program,
	};

	*variables[which & 7] = text;
	fuzz_environment(&env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	text = strndup((const char *)data, size);
	fuzz_octets((const char *)data, size);
	if (*text) {
		fuzz_variable(text[0], text + 1);
		fuzz_text(text);
		fuzz_filter(text, strlen(text));
	}
	free(text);
	return 0;
}
