/* SPDX-License-Identifier: Apache-2.0
 *
 * What the environment says, beside the configuration that it names.
 */
#include "shim/runtime/environment.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"

#define EXIT_MS_DEFAULT 900 /* the host exits at most 1 s later, all told */
#define EXIT_MS_MAX     60000

bool environment_load(struct config **config)
{
	struct config_env env;
	struct config_error *errors = NULL;

	config_env_read(&env);
	log_open(&log_stderr, NULL);
	if (!env.config || !*env.config)
		return false;
	int error = config_load(&env, config, &errors);
	if (error && !errors)
		log_line(NULL, "not tapped: %s", strerror(-error));
	for (struct config_error *e = errors; e; e = e->next)
		log_line(NULL, "not tapped: %s", e->text);
	config_errors_free(errors);
	return !error && (*config)->n_taps;
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
