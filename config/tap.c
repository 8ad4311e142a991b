/* SPDX-License-Identifier: Apache-2.0
 *
 * Making, completing and releasing a tap's configuration.
 */
#include "config/tap.h"

#include <stdlib.h>

#include "config/selection.h"

void tap_config_init(struct tap_config *tap)
{
	*tap = (struct tap_config){
		.write_buffer = 1,
		.queue = 1,
		.types = selection_all_types,
		.role = ROLE_AUTO,
		.sample = 1,
		.anonymize_v4 = 32,
		.anonymize_v6 = 128,
	};
}

static void complete(char **field, const char *value, struct errors *errors)
{
	if (!*field && value)
		*field = errors_strdup(errors, value);
}

void tap_config_complete(struct tap_config *tap,
			 const struct settings *settings, struct errors *errors)
{
	complete(&tap->identity, settings->identity, errors);
	complete(&tap->version, settings->version, errors);
	complete(&tap->extra, settings->extra, errors);
	if (tap->extra && !*tap->extra) {
		free(tap->extra);
		tap->extra = NULL;
	}
}

void tap_config_release(struct tap_config *tap)
{
	char *const strings[] = {
		tap->socket,  tap->address,        tap->port,   tap->identity,
		tap->version, tap->extra,          tap->tls_ca, tap->tls_cert,
		tap->tls_key, tap->tls_servername,
	};

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		free(strings[i]);
}

void config_add_tap(struct config *config, struct tap_config *tap,
		    const struct token *at, struct errors *errors)
{
	struct tap_config *taps;

	if (config->n_taps == CONFIG_TAPS_MAX) {
		errors_add(errors, at, "expected at most %d taps",
			   CONFIG_TAPS_MAX);
		tap_config_release(tap);
		return;
	}
	taps = reallocarray(config->taps, config->n_taps + 1, sizeof(*taps));
	if (!taps) {
		errors->no_memory = true;
		tap_config_release(tap);
		return;
	}
	config->taps = taps;
	config->taps[config->n_taps++] = *tap;
}
