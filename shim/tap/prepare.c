/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates, keys and flight recorders, by the taps' places in the configuration.
 */
#include "shim/tap/prepare.h"

#include <stdio.h>
#include <string.h>

#include "shim/tap/recorder/recorder.h"
#include "shim/tap/transport/transport.h"
#include "shim/tap/worker.h"

static struct prepared *prepared[CONFIG_TAPS_MAX];

struct prepared *tap_prepared(size_t index)
{
	return prepared[index];
}

bool tap_prepare_one(const struct config *config, size_t index, char *error)
{
	const struct tap_config *tap = &config->taps[index];
	char why[TRANSPORT_ERROR_MAX] = "";
	int failed = recorder_prepare_one(config, index);

	if (failed)
		snprintf(error, TAP_ERROR_MAX, "%s", strerror(-failed));
	else if (transport_prepare(tap, &prepared[index], why))
		snprintf(error, TAP_ERROR_MAX, "%.200s: %s", tap->socket, why);
	else
		return true;
	return false;
}

bool tap_is_renewed(const struct config *config, size_t index)
{
	return transport_is_renewed(&config->taps[index], prepared[index]);
}

void tap_unprepare_one(const struct config *config, size_t index)
{
	transport_unprepare(&config->taps[index], prepared[index]);
	prepared[index] = NULL;
	recorder_unprepare_one(index);
}

bool tap_prepare(const struct config *config, char *error)
{
	int failed = recorder_prepare(config);

	if (failed) {
		snprintf(error, TAP_ERROR_MAX, "%s", strerror(-failed));
		return false;
	}
	for (size_t i = 0; i < config->n_taps; i++)
		if (!tap_prepare_one(config, i, error))
			return false;
	return true;
}

struct trial {
	struct worker_task task;
	const struct config *config;
	size_t tap; /* that has failed, or how many there are */
	char error[TRANSPORT_ERROR_MAX];
};

static void try_each(void *argument)
{
	struct trial *trial = argument;
	const struct config *config = trial->config;

	for (; trial->tap < config->n_taps; trial->tap++)
		if (transport_try(&config->taps[trial->tap],
				  prepared[trial->tap], trial->error))
			return;
}

static bool has_kind(const struct config *config, size_t first,
		     enum endpoint_kind kind)
{
	for (size_t i = first; i < config->n_taps; i++)
		if (config->taps[i].kind == kind)
			return true;
	return false;
}

bool tap_try(const struct config *config, size_t first, char *error)
{
	struct trial trial = {
		.task = { .run = try_each, .argument = &trial },
		.config = config,
		.tap = first,
	};

	if (!has_kind(config, first, ENDPOINT_TLS) ||
	    worker_run(&trial.task, TLS_STACK_SIZE) ||
	    trial.tap == config->n_taps)
		return true;
	snprintf(error, TAP_ERROR_MAX, "%.200s: %s",
		 config->taps[trial.tap].socket, trial.error);
	return false;
}
