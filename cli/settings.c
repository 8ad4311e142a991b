/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a configuration and reporting its errors.
 */
#include "cli/settings.h"

#include <errno.h>

#include "cli/cli.h"
#include "shim/tap/transport/transport.h"

/* What the library would refuse when it reads certificates and keys. */
static int prepare(const struct config *config)
{
	char error[TRANSPORT_ERROR_MAX] = "";
	struct prepared *prepared;
	int status = EX_OK;

	for (size_t i = 0; i < config->n_taps; i++) {
		if (!transport_prepare(&config->taps[i], &prepared, error))
			continue;
		cli_warn("%s: %s", config->taps[i].socket, error);
		status = EX_CONFIG;
	}
	return status;
}

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
	if (!error && prepare(*config) == EX_OK)
		return EX_OK;
	if (!error)
		config_free(*config);
	return error == -ENOMEM ? cli_no_memory() : EX_CONFIG;
}
