/* SPDX-License-Identifier: Apache-2.0
 *
 * What the environment says, beside the configuration that it names.
 */
#include "shim/runtime/environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"

#define EXIT_MS_DEFAULT 900 /* the host exits at most 1 s later, all told */
#define EXIT_MS_MAX     60000

/* All that is wrong is logged, and the first of it returned. */
static const char *refuse(int error, const struct config_error *errors)
{
	static char first[256];
	const char *text = errors ? errors->text : strerror(-error);

	snprintf(first, sizeof(first), "%s", text);
	if (!errors)
		log_line(NULL, "not tapped: %s", text);
	for (const struct config_error *e = errors; e; e = e->next)
		log_line(NULL, "not tapped: %s", e->text);
	return first;
}

/* The environment as it was: later it is the host's to change, or to write over. Its
 * strings, one behind the other, and an empty one. Not in the host's heap. */
static char *kept;

static bool keep(void)
{
	size_t size = 1;

	for (char **one = environ; one && *one; one++)
		size += strlen(*one) + 1;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return false;
	kept = at;
	for (char **one = environ; one && *one; one++)
		at = stpcpy(at, *one) + 1;
	return true;
}

static const char *lookup_kept(const char *name)
{
	size_t size = strlen(name);

	for (const char *one = kept; *one; one += strlen(one) + 1)
		if (!strncmp(one, name, size) && one[size] == '=')
			return one + size + 1;
	return NULL;
}

int environment_reload(const char *text, const char *program,
		       struct config **config, struct config_error **errors)
{
	struct config_env env;

	config_env_fill(&env, lookup_kept);
	env.program = program;
	if (*text)
		env.config = text;
	return config_load(&env, config, errors);
}

const char *environment_load(struct config **config)
{
	struct config_env env;
	struct config_error *errors = NULL;
	const char *wrong = NULL;

	config_env_read(&env);
	log_open(&log_stderr, NULL);
	if (!env.config || !*env.config)
		return "DNSTAP_CONFIG is not set, or not to be trusted";
	int error = config_load(&env, config, &errors);
	if (error)
		wrong = refuse(error, errors);
	config_errors_free(errors);
	if (!error && !(*config)->n_taps)
		wrong = "DNSTAP_CONFIG has no tap";
	if (!wrong && !keep())
		wrong = refuse(-ENOMEM, NULL);
	return wrong;
}

uint64_t environment_exit_ns(void)
{
	const char *text = getenv("DNSTAP_EXIT_MS");
	char *end;
	unsigned long ms = text ? strtoul(text, &end, 10) : EXIT_MS_DEFAULT;

	if (text && (end == text || *end || ms > EXIT_MS_MAX)) {
		log_line(NULL,
			 "DNSTAP_EXIT_MS: \"%s\" is not a number of "
			 "milliseconds up to %d; using %d",
			 text, EXIT_MS_MAX, EXIT_MS_DEFAULT);
		ms = EXIT_MS_DEFAULT;
	}
	return ms * NS_PER_MS;
}

bool environment_wanted(void)
{
	const char *disable = getenv("DNSTAP_DISABLE");

	return !disable || !*disable || !strcmp(disable, "0");
}
