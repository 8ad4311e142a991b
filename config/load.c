/* SPDX-License-Identifier: Apache-2.0
 *
 * The life cycle of a configuration: load, complete, free.
 */
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/error.h"
#include "config/parse.h"
#include "config/setting.h"
#include "config/source.h"
#include "config/tap.h"

#define DNS_PORT 53

/* These come from outside and are no words of a user's: made sayable. */
static char *plain(const char *text)
{
	char *copy = strndup(text ? text : "", CONFIG_HOST_NAME_MAX);

	for (char *at = copy; at && *at; at++)
		if (*at <= ' ' || *at > '~' || strchr("\"\\{", *at))
			*at = '_';
	return copy;
}

static int default_identity(struct settings *settings,
			    const struct config_env *env)
{
	if (!settings->identity)
		settings->identity = plain(env->host_name);
	return settings->identity ? 0 : -ENOMEM;
}

static int default_version(struct settings *settings,
			   const struct config_env *env)
{
	char *program;
	int size;

	if (settings->version)
		return 0;
	program = plain(env->program);
	if (!program)
		return -ENOMEM;
	size = asprintf(&settings->version, "%s%s%s", program,
			*program ? " " : "", "dnstapshim/" DNSTAPSHIM_VERSION);
	free(program);
	return size < 0 ? -ENOMEM : 0;
}

static int read_text(const struct config_env *env, struct settings *settings,
		     struct errors *errors)
{
	struct source source;
	struct reader reader;
	int err;

	if (!env->config || !*env->config)
		return 0;
	err = source_open(env->config, &source, errors);
	if (err)
		return err;
	errors->source = source.name;
	err = reader_init(&reader, source.text, source.size, env->lookup,
			  errors);
	if (!err)
		parse_configuration(&reader, settings);
	reader_release(&reader);
	source_close(&source);
	return err;
}

static int complete(struct settings *settings, const struct config_env *env,
		    struct errors *errors)
{
	struct config *config = settings->config;

	if (default_identity(settings, env) || default_version(settings, env))
		return -ENOMEM;
	for (size_t i = 0; i < config->n_taps; i++)
		tap_config_complete(&config->taps[i], settings, errors);
	return 0;
}

/* The environment first: what the text says replaces it. */
static int read_all(const struct config_env *env, struct settings *settings,
		    struct errors *errors)
{
	int err;

	settings->config->ports[DNS_PORT / 64] = UINT64_C(1) << DNS_PORT % 64;
	settings_from_env(settings, env, errors);
	err = read_text(env, settings, errors);
	if (!err)
		err = complete(settings, env, errors);
	if (errors->no_memory)
		err = -ENOMEM;
	if (!err && errors->count > 0)
		err = -EINVAL;
	return err;
}

int config_load(const struct config_env *env, struct config **out,
		struct config_error **found)
{
	struct settings settings = { .config = calloc(1, sizeof(**out)) };
	struct errors errors;
	int err;

	if (!settings.config)
		return -ENOMEM;
	errors_init(&errors);
	err = read_all(env, &settings, &errors);
	free(settings.identity);
	free(settings.version);
	free(settings.extra);
	errors_finish(&errors);
	if (err == -EINVAL)
		*found = errors.first;
	else
		config_errors_free(errors.first);
	if (err)
		config_free(settings.config);
	else
		*out = settings.config;
	return err;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->n_taps; i++)
		tap_config_release(&config->taps[i]);
	free(config->taps);
	free(config->log_path);
	free(config->metrics_path);
	free(config);
}
