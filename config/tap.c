/* SPDX-License-Identifier: Apache-2.0
 *
 * Making, completing and releasing a tap's configuration.
 */
#include "config/tap.h"

#include <stdlib.h>
#include <string.h>

#include "config/selection.h"
#include "proto/common.h"

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
		.proxies = &proxies_anybody,
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
	tap->proxies = &settings->config->proxies;
	if (tap->extra && !*tap->extra) {
		free(tap->extra);
		tap->extra = NULL;
	}
}

void tap_config_release(struct tap_config *tap)
{
#define RELEASE(name) free(tap->name);
	TAP_STRINGS(RELEASE)
#undef RELEASE
	filter_release(&tap->filter);
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

/* Checks across a tap's properties, and across taps. */

static bool listening_file(const struct tap_config *tap)
{
	return tap->listen && tap->kind == ENDPOINT_FILE;
}

static bool buffered_file(const struct tap_config *tap)
{
	return tap->kind == ENDPOINT_FILE && tap->write_buffer != 1;
}

static bool server_without_certificate(const struct tap_config *tap)
{
	return tap->listen && tap->kind == ENDPOINT_TLS && !tap->tls_cert;
}

/* OpenSSL takes an empty name for "do not check the name". */
static bool nobody_to_verify(const struct tap_config *tap)
{
	return !tap->listen && tap->kind == ENDPOINT_TLS && !*tap->address &&
	       !tap->tls_servername && !tap->skip_verify;
}

static bool nothing_to_log(const struct tap_config *tap)
{
	return (tap->types & selection_possible_types(tap->role)) == 0;
}

/* A query has no RCODE. */
static bool responses_of_queries(const struct tap_config *tap)
{
	unsigned of_responses =
		1u << FILTER_RCODE | 1u << FILTER_RSIZE | 1u << FILTER_DURATION;

	return tap->filter.only.set & of_responses &&
	       !(tap->types & selection_response_types);
}

static const struct {
	bool (*wrong)(const struct tap_config *tap);
	const char *message;
} checks[] = {
	{ listening_file, "expected a unix, tcp or tls SOCKET to listen on" },
	{ buffered_file,
	  "expected a writebuffer of 1: a file has none to enlarge" },
	{ server_without_certificate,
	  "expected the property \"tls CERT KEY\": a TLS listener has to "
	  "show a certificate" },
	{ nobody_to_verify,
	  "expected a host, or the property tls_servername: there is no "
	  "name to verify the collector by" },
	{ nothing_to_log,
	  "expected other types or another role: with these no message is "
	  "ever logged" },
	{ responses_of_queries,
	  "expected a type of response, too: no query has what rcode, rsize or "
	  "duration asks for" },
};

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_stream(const struct tap_config *tap)
{
	return tap->kind == ENDPOINT_TCP || tap->kind == ENDPOINT_TLS;
}

/* Only what is bound or written belongs to one tap alone; any number of taps
 * may connect to one collector. */
static bool excludes(const struct tap_config *a, const struct tap_config *b)
{
	bool alike = a->kind == b->kind || (is_stream(a) && is_stream(b));
	bool owned = a->kind == ENDPOINT_FILE || (a->listen && b->listen);

	return alike && owned && same(a->address, b->address) &&
	       same(a->port, b->port);
}

static void check_others(const struct tap_config *tap,
			 const struct token *socket,
			 const struct config *config, struct errors *errors)
{
	for (size_t i = 0; i < config->n_taps; i++) {
		if (!excludes(tap, &config->taps[i]))
			continue;
		errors_add(errors, socket,
			   "expected another %s: tap %zu has this one",
			   tap->listen ? "SOCKET to listen on" : "file", i + 1);
		return;
	}
}

void check_tap(const struct tap_config *tap, const struct token *socket,
	       const struct token set[PROPERTIES_MAX],
	       const struct config *config, struct errors *errors)
{
	for (size_t i = 0; i < properties.count; i++) {
		const struct property *row = property_at(i);

		if (set[i].text && row->misfit && !row->fits(tap))
			errors_add(errors, &set[i], "%s", row->misfit);
	}
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (checks[i].wrong(tap))
			errors_add(errors, socket, "%s", checks[i].message);
	check_others(tap, socket, config, errors);
}
