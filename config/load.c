/* SPDX-License-Identifier: Apache-2.0
 *
 * The life cycle of a configuration: environment, text, taps; free.
 */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/error.h"
#include "config/lex.h"
#include "config/parse.h"
#include "config/setting.h"
#include "config/tap.h"

#define DNS_PORT 53

/*
 * The environment as a configuration sees it. secure_getenv: in a privileged
 * process nothing of it is trusted.
 */
static const char *lookup(const char *name)
{
	return secure_getenv(name);
}

void config_env_fill(struct config_env *env,
		     const char *(*variable)(const char *name))
{
	*env = (struct config_env){
		.config = variable("DNSTAP_CONFIG"),
		.lookup = variable,
		.host_name = env->host,
		.program = program_invocation_short_name,
	};
	for (size_t i = 0; i < settings_names.count; i++) {
		const struct setting *row = setting_at(i);

		*(const char **)((char *)env + row->env) =
			variable(row->variable);
	}
	if (gethostname(env->host, sizeof(env->host) - 1) != 0)
		env->host[0] = '\0';
}

void config_env_read(struct config_env *env)
{
	config_env_fill(env, lookup);
}

/* These come from outside and are no words of a user's: made sayable. */
static char *plain(const char *text)
{
	char *copy = strndup(text ? text : "", CONFIG_HOST_NAME_MAX);

	for (char *at = copy; at && *at; at++)
		if (*at <= ' ' || *at > '~' || strchr("\"\\{", *at))
			*at = '_';
	return copy;
}

static int default_identity(struct settings *settings,
			    const struct config_env *env)
{
	if (!settings->identity)
		settings->identity = plain(env->host_name);
	return settings->identity ? 0 : -ENOMEM;
}

static int default_version(struct settings *settings,
			   const struct config_env *env)
{
	const char *program;

	settings->config->program = plain(env->program);
	program = settings->config->program;
	if (!program)
		return -ENOMEM;
	if (!settings->version &&
	    asprintf(&settings->version, "%s%s%s", program, *program ? " " : "",
		     "dnstapshim/" DNSTAPSHIM_VERSION) < 0)
		return -ENOMEM;
	return 0;
}

/*
 * Where the text of a configuration comes from: DNSTAP_CONFIG itself, or the
 * regular file that it names.
 *
 * The value begins with a slash both for a file and for a tap on a unix socket,
 * which need not exist yet. So it is a file if it is, as a whole, the path of a
 * regular file, or if it ends in .conf, so that a missing file does not quietly
 * become a socket that nobody listens on. A directory, device or pipe is
 * neither. unix://PATH is always a tap.
 */
struct input {
	const char *name; /* for messages: the variable or the file */
	const char *text;
	size_t size;
	char *memory; /* to free, or NULL */
};

#define VARIABLE "DNSTAP_CONFIG"

enum meaning {
	MEANS_TEXT,
	MEANS_FILE,
	MEANS_RELATIVE, /* a file, but from where? */
	MEANS_NOTHING,
};

static bool ends_in_conf(const char *path)
{
	static const char suffix[] = ".conf";
	size_t size = strlen(path);

	return size >= sizeof(suffix) &&
	       strcmp(path + size - (sizeof(suffix) - 1), suffix) == 0 &&
	       !strpbrk(path, " \t\n;{\"#") && !strstr(path, "://");
}

static enum meaning meaning_of(const char *value)
{
	struct stat status;

	if (*value != '/')
		return ends_in_conf(value) ? MEANS_RELATIVE : MEANS_TEXT;
	if (stat(value, &status) != 0)
		return ends_in_conf(value) ? MEANS_FILE : MEANS_TEXT;
	if (S_ISREG(status.st_mode))
		return MEANS_FILE;
	return S_ISSOCK(status.st_mode) ? MEANS_TEXT : MEANS_NOTHING;
}

/* Reads to the end, or to the first octet too many. */
static ssize_t read_fd(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	do {
		n = read(fd, text + used, size - used);
		if (n > 0)
			used += (size_t)n;
	} while ((n > 0 && used < size) || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : (ssize_t)used;
}

static int read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read_fd(fd, text, size);
	close(fd);
	return (int)n;
}

static int open_file(const char *path, struct input *input,
		     struct errors *errors)
{
	char *text = malloc(CONFIG_TEXT_MAX + 1);
	char reason[64];
	int size;

	if (!text)
		return -ENOMEM;
	size = read_file(path, text, CONFIG_TEXT_MAX + 1);
	if (size >= 0 && size <= CONFIG_TEXT_MAX) {
		*input = (struct input){ path, text, (size_t)size, text };
		return 0;
	}
	free(text);
	errors->source = path;
	if (size < 0)
		errors_add_source(errors,
				  "expected a configuration file: %s; a unix "
				  "socket of this name would be unix://%s",
				  strerror_r(-size, reason, sizeof(reason)),
				  path);
	else
		errors_add_source(errors, "expected at most 1 MiB");
	return -EINVAL;
}

static int refuse(const char *message, struct errors *errors)
{
	errors_add_source(errors, "%s", message);
	return -EINVAL;
}

static int open_text(const char *value, struct input *input,
		     struct errors *errors)
{
	size_t size = strlen(value);

	if (size > CONFIG_TEXT_MAX)
		return refuse("expected at most 1 MiB", errors);
	*input = (struct input){ errors->source, value, size, NULL };
	return 0;
}

static int input_open(const char *value, struct input *input,
		      struct errors *errors)
{
	switch (meaning_of(value)) {
	case MEANS_FILE:
		return open_file(value, input, errors);
	case MEANS_RELATIVE:
		return refuse("expected the absolute path of the configuration "
			      "file, one that begins with a /",
			      errors);
	case MEANS_NOTHING:
		return refuse("expected a regular file or a socket, this path "
			      "is neither",
			      errors);
	default:
		return open_text(value, input, errors);
	}
}

static void input_close(struct input *input)
{
	free(input->memory);
}

static int read_text(const struct config_env *env, struct settings *settings,
		     struct errors *errors)
{
	struct input input;
	struct reader reader;
	int err;

	if (!env->config || !*env->config)
		return 0;
	errors->source = env->config_name ? env->config_name : VARIABLE;
	err = input_open(env->config, &input, errors);
	if (err)
		return err;
	errors->source = input.name;
	err = reader_init(&reader, input.text, input.size, env->lookup, errors);
	if (!err)
		parse_configuration(&reader, settings);
	reader_release(&reader);
	input_close(&input);
	return err;
}

static int complete(struct settings *settings, const struct config_env *env,
		    struct errors *errors)
{
	struct config *config = settings->config;

	if (default_identity(settings, env) || default_version(settings, env))
		return -ENOMEM;
	for (size_t i = 0; i < config->n_taps; i++)
		tap_config_complete(&config->taps[i], settings, errors);
	return 0;
}

/* The environment first: what the text says replaces it. */
static int read_all(const struct config_env *env, struct settings *settings,
		    struct errors *errors)
{
	int err;

	settings->config->ports[DNS_PORT / 64] = UINT64_C(1) << DNS_PORT % 64;
	settings_default_tls_ports(settings->config);
	settings->config->proxies = proxies_anybody;
	settings_from_env(settings, env, errors);
	err = read_text(env, settings, errors);
	if (!err)
		err = complete(settings, env, errors);
	if (errors->no_memory)
		err = -ENOMEM;
	if (!err && errors->count > 0)
		err = -EINVAL;
	return err;
}

int config_load(const struct config_env *env, struct config **out,
		struct config_error **found)
{
	struct settings settings = { .config = calloc(1, sizeof(**out)) };
	struct errors errors;
	int err;

	if (!settings.config)
		return -ENOMEM;
	errors_init(&errors);
	err = read_all(env, &settings, &errors);
	free(settings.identity);
	free(settings.version);
	free(settings.extra);
	errors_finish(&errors);
	if (err == -EINVAL)
		*found = errors.first;
	else
		config_errors_free(errors.first);
	if (err)
		config_free(settings.config);
	else
		*out = settings.config;
	return err;
}

/* Hands the errors over as the caller gets them. */
static int finish(struct errors *errors, struct config_error **found)
{
	errors_finish(errors);
	if (errors->no_memory) {
		config_errors_free(errors->first);
		return -ENOMEM;
	}
	if (!errors->count)
		return 0;
	*found = errors->first;
	return -EINVAL;
}

int config_choice_read(const char *text, const char *source,
		       struct tap_config *tap, struct config_error **found)
{
	struct errors errors;
	struct reader reader;

	errors_init(&errors);
	errors.source = source;
	if (!reader_init(&reader, text, strlen(text), NULL, &errors))
		parse_choice(&reader, tap);
	else
		errors.no_memory = true;
	reader_release(&reader);
	return finish(&errors, found);
}

void config_choice_init(struct tap_config *tap)
{
	tap_config_init(tap);
}

void config_choice_free(struct tap_config *tap)
{
	tap_config_release(tap);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->n_taps; i++)
		tap_config_release(&config->taps[i]);
	free(config->taps);
	proxies_release(&config->proxies);
	free(config->log_path);
	free(config->metrics_path);
	free(config->recorder);
	free(config->program);
	free(config);
}
