/* SPDX-License-Identifier: Apache-2.0
 *
 * From /proc/PID/environ to a configuration.
 */
#include "cli/configured.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/proc.h"

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
	char *text = reachable_text(pid);
	char *metrics = proc_variable(pid, "DNSTAP_METRICS");
	char *recorder = proc_variable(pid, "DNSTAP_RECORDER");
	const struct config_env env = { .config = text,
					.metrics = metrics,
					.recorder = recorder,
					.host_name = "",
					.program = "" };
	struct config_error *errors = NULL;
	struct config *config = NULL;

	if (config_load(&env, &config, &errors))
		config = NULL;
	config_errors_free(errors);
	free(text);
	free(metrics);
	free(recorder);
	return config;
}
