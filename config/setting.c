/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of settings, and how each is read and shown.
 */
#include "config/setting.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"
#include "proto/common.h"
#include "proto/text.h"

static void set_identity(struct settings *settings, const struct words *words,
			 struct errors *errors)
{
	value_text(&words->word[0], CONFIG_IDENTITY_MAX, &settings->identity,
		   errors);
}

static void set_version(struct settings *settings, const struct words *words,
			struct errors *errors)
{
	value_text(&words->word[0], CONFIG_VERSION_MAX, &settings->version,
		   errors);
}

static void set_extra(struct settings *settings, const struct words *words,
		      struct errors *errors)
{
	value_text(&words->word[0], CONFIG_EXTRA_MAX, &settings->extra, errors);
}

static void read_ports(const struct words *words, uint64_t ports[PORTS_WORDS],
		       struct errors *errors)
{
	memset(ports, 0, PORTS_WORDS * sizeof(*ports));
	for (unsigned i = 0; i < words->count; i++)
		value_ports(&words->word[i], ports, errors);
}

static void set_ports(struct settings *settings, const struct words *words,
		      struct errors *errors)
{
	read_ports(words, settings->config->ports, errors);
}

static void list_ports(const uint64_t *ports, FILE *out)
{
	char between = ' ';

	for (unsigned first = 1; first <= 65535; first++) {
		unsigned last = first;

		if (!config_has_port(ports, (uint16_t)first))
			continue;
		while (last < 65535 &&
		       config_has_port(ports, (uint16_t)(last + 1)))
			last++;
		fprintf(out, "%c%u", between, first);
		if (last > first)
			fprintf(out, "-%u", last);
		between = ',';
		first = last;
	}
}

static void show_ports(const struct config *config, FILE *out)
{
	list_ports(config->ports, out);
}

/* RFC 7858 3.1 */
#define TLS_PORT 853

void settings_default_tls_ports(struct config *config)
{
	memset(config->tls_ports, 0, sizeof(config->tls_ports));
	config->tls_ports[TLS_PORT / 64] = UINT64_C(1) << TLS_PORT % 64;
	config->https = true;
}

static void set_tls_ports(struct settings *settings, const struct words *words,
			  struct errors *errors)
{
	struct config *config = settings->config;
	const char *first = words->word[0].text;
	bool alone = words->count == 1;

	config->https = false;
	if (alone && !strcmp(first, "auto"))
		settings_default_tls_ports(config);
	else if (alone && !strcmp(first, "off"))
		memset(config->tls_ports, 0, sizeof(config->tls_ports));
	else
		read_ports(words, config->tls_ports, errors);
}

static void show_tls_ports(const struct config *config, FILE *out)
{
	static const uint64_t none[PORTS_WORDS];

	if (config->https)
		fputs(" auto", out);
	else if (!memcmp(config->tls_ports, none, sizeof(none)))
		fputs(" off", out);
	else
		list_ports(config->tls_ports, out);
}

static void set_proxies(struct settings *settings, const struct words *words,
			struct errors *errors)
{
	struct proxies *proxies = &settings->config->proxies;
	const char *first = words->word[0].text;
	bool alone = words->count == 1;

	proxies_release(proxies);
	if (alone && !strcmp(first, "any"))
		*proxies = proxies_anybody;
	else if (!alone || strcmp(first, "none"))
		for (unsigned i = 0; i < words->count; i++)
			value_networks(&words->word[i], &proxies->networks,
				       errors);
}

static void list_networks(const struct networks *networks, FILE *out)
{
	for (size_t i = 0; i < networks->count; i++) {
		char word[NETWORKS_WORD_MAX];
		struct text text = { .start = word, .size = sizeof(word) };

		networks_show(networks, i, &text);
		fprintf(out, "%c%.*s", i ? ',' : ' ', (int)text.used, word);
	}
}

static void show_proxies(const struct config *config, FILE *out)
{
	const struct proxies *proxies = &config->proxies;

	if (proxies->any)
		fputs(" any", out);
	else if (!proxies->networks.count)
		fputs(" none", out);
	else
		list_networks(&proxies->networks, out);
}

static const struct log_name {
	const char *name;
	enum log_target target;
} log_names[] = {
	{ "stderr", LOG_TARGET_STDERR },
	{ "syslog", LOG_TARGET_SYSLOG },
	{ "off", LOG_TARGET_OFF },
	{ "a path with a /", LOG_TARGET_FILE },
};

static void set_log_path(struct config *config, const struct token *word,
			 struct errors *errors)
{
	if (!strchr(word->text, '/'))
		errors_add_unknown(errors, word, "a place to log to",
				   KEYWORDS_OF(log_names));
	else if (value_text(word, PATH_MAX - 1, &config->log_path, errors))
		config->log = LOG_TARGET_FILE;
}

static void set_log(struct settings *settings, const struct words *words,
		    struct errors *errors)
{
	const struct token *word = &words->word[0];
	struct config *config = settings->config;
	int row = keywords_find(KEYWORDS_OF(log_names), word->text);

	if (row < 0 || log_names[row].target == LOG_TARGET_FILE) {
		set_log_path(config, word, errors);
		return;
	}
	free(config->log_path);
	config->log_path = NULL;
	config->log = log_names[row].target;
}

static void show_log(const struct config *config, FILE *out)
{
	fputc(' ', out);
	if (config->log == LOG_TARGET_FILE)
		word_print(config->log_path, out);
	else
		fputs(log_names[config->log].name, out);
}

static void set_path(char **path, const struct words *words,
		     struct errors *errors)
{
	const struct token *word = &words->word[0];

	if (strcmp(word->text, "off") == 0) {
		free(*path);
		*path = NULL;
	} else if (!strchr(word->text, '/')) {
		errors_add(errors, word, "expected a path with a /, or off");
	} else {
		value_text(word, PATH_MAX - 1, path, errors);
	}
}

static void show_path(const char *path, FILE *out)
{
	fputc(' ', out);
	word_print(path ? path : "off", out);
}

static void set_metrics(struct settings *settings, const struct words *words,
			struct errors *errors)
{
	set_path(&settings->config->metrics_path, words, errors);
}

static void show_metrics(const struct config *config, FILE *out)
{
	show_path(config->metrics_path, out);
}

static void set_recorder(struct settings *settings, const struct words *words,
			 struct errors *errors)
{
	set_path(&settings->config->recorder, words, errors);
}

static void show_recorder(const struct config *config, FILE *out)
{
	show_path(config->recorder, out);
}

#define ENV(name) offsetof(struct config_env, name)

static const struct setting table[] = {
	{ "identity", "DNSTAP_IDENTITY", ENV(identity), 1, 1, " IDENTITY",
	  set_identity, NULL },
	{ "version", "DNSTAP_VERSION", ENV(version), 1, 1, " VERSION",
	  set_version, NULL },
	{ "extra", "DNSTAP_EXTRA", ENV(extra), 1, 1, " EXTRA", set_extra,
	  NULL },
	{ "ports", "DNSTAP_PORTS", ENV(ports), 1, WORDS_MAX, " PORT,...",
	  set_ports, show_ports },
	{ "tls_ports", "DNSTAP_TLS_PORTS", ENV(tls_ports), 1, WORDS_MAX,
	  " PORT,...|auto|off", set_tls_ports, show_tls_ports },
	{ "proxies", "DNSTAP_PROXIES", ENV(proxies), 1, WORDS_MAX,
	  " NETWORK,...|any|none", set_proxies, show_proxies },
	{ "log", "DNSTAP_LOG", ENV(log), 1, 1, " stderr|syslog|off|PATH",
	  set_log, show_log },
	{ "metrics", "DNSTAP_METRICS", ENV(metrics), 1, 1, " PATH|off",
	  set_metrics, show_metrics },
	{ "recorder", "DNSTAP_RECORDER", ENV(recorder), 1, 1, " DIRECTORY|off",
	  set_recorder, show_recorder },
};

_Static_assert(ARRAY_SIZE(table) <= SETTINGS_MAX, "raise SETTINGS_MAX");

const struct keywords settings_names = { table, sizeof(table[0]),
					 ARRAY_SIZE(table) };

const struct setting *setting_at(size_t i)
{
	return &table[i];
}

static void set_from(const struct setting *setting, const char *value,
		     struct settings *settings, struct errors *errors)
{
	const struct token word = {
		.kind = TOKEN_WORD,
		.line = 1,
		.column = 1,
		.text = value,
	};
	const struct words words = { .count = 1, .word = { word } };

	errors->source = setting->variable;
	if (value_check(&word, errors))
		setting->set(settings, &words, errors);
}

void settings_from_env(struct settings *settings, const struct config_env *env,
		       struct errors *errors)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *const *value =
			(const char *const *)((const char *)env + table[i].env);

		if (*value && **value)
			set_from(&table[i], *value, settings, errors);
	}
}
