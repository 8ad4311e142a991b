/* SPDX-License-Identifier: Apache-2.0
 *
 * From /proc/PID/environ to a configuration.
 */
#include "cli/configured.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/proc.h"
#include "config/keywords.h"
#include "config/setting.h"

static bool is_file(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISREG(status.st_mode);
}

/* With the file's name as it is seen from here. */
static char *reachable_text(pid_t pid)
{
	char *text = proc_variable(pid, "DNSTAP_CONFIG"), *reachable;

	if (!text || *text != '/')
		return text;
	reachable = proc_path(pid, text);
	if (!reachable || !is_file(reachable)) {
		free(reachable);
		return text;
	}
	free(text);
	return reachable;
}

struct config *configured_load(pid_t pid)
{
	struct config_env env = { .host_name = "", .program = "" };
	char *text = reachable_text(pid), *values[SETTINGS_MAX] = { 0 };
	struct config_error *errors = NULL;
	struct config *config = NULL;

	env.config = text;
	for (size_t i = 0; i < settings_names.count; i++) {
		const struct setting *row = setting_at(i);

		values[i] = proc_variable(pid, row->variable);
		*(const char **)((char *)&env + row->env) = values[i];
	}
	if (config_load(&env, &config, &errors))
		config = NULL;
	config_errors_free(errors);
	free(text);
	for (size_t i = 0; i < SETTINGS_MAX; i++)
		free(values[i]);
	return config;
}
