/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a configuration and reporting its errors.
 */
#include "cli/settings.h"

#include <errno.h>

#include "cli/cli.h"

int settings_load(const char *text, const char *program, struct config **config)
{
	struct config_error *errors = NULL;
	struct config_env env;
	int error;

	config_env_read(&env);
	env.program = program;
	if (text)
		env.config = text;
	error = config_load(&env, config, &errors);
	for (const struct config_error *e = errors; e; e = e->next)
		cli_warn("%s", e->text);
	config_errors_free(errors);
	if (!error)
		return EX_OK;
	return error == -ENOMEM ? cli_no_memory() : EX_CONFIG;
}
