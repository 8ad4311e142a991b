/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages, option values, the configuration and colour for all subcommands.
 */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/common.h"
#include "proto/utf8.h"
#include "shim/tap/transport/transport.h"

const char *cli_command;
bool cli_line_open;
void (*cli_show)(const char *text);

void cli_close_line(void)
{
	if (cli_line_open)
		fputs("\r\033[K", stderr);
	cli_line_open = false;
}

__attribute__((format(printf, 1, 0))) static void show(const char *format,
						       va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		return;
	cli_show(text);
	free(text);
}

__attribute__((format(printf, 1, 0))) static void vwarn(const char *format,
							va_list args)
{
	if (cli_show) {
		show(format, args);
		return;
	}
	flockfile(stderr);
	cli_close_line();
	fputs("dnstapshim", stderr);
	if (cli_command)
		fprintf(stderr, " %s", cli_command);
	fputs(": ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	funlockfile(stderr);
}

void cli_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vwarn(format, args);
	va_end(args);
}

int cli_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vwarn(format, args);
	va_end(args);
	fprintf(stderr, "Try 'dnstapshim %s%s--help'.\n",
		cli_command ? cli_command : "", cli_command ? " " : "");
	return EX_USAGE;
}

int cli_no_memory(void)
{
	cli_warn("out of memory");
	return EX_OSERR;
}

int cli_option(int result, char **argv)
{
	const char *word = argv[optind - 1];
	char letter[] = { '-', (char)optopt, '\0' };

	/* For a short option optind may already stand behind the next word. */
	if (strncmp(word, "--", 2) && optopt > 0 && optopt <= UCHAR_MAX)
		word = letter;
	if (result == ':')
		return cli_usage("option '%s' needs a value", word);
	if (!strncmp(word, "--", 2) && optopt)
		return cli_usage("option '%s' takes no value", word);
	return cli_usage("unknown option '%s'", word);
}

bool cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	unsigned long long value;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value < min || value > max)
		return false;
	*number = value;
	return true;
}

bool cli_is_port(const char *text)
{
	uint64_t port;

	if (*text < '0' || *text > '9')
		return *text && !strchr("+- \t", *text);
	return cli_number(text, 1, UINT16_MAX, &port);
}

bool cli_duration(const char *text, int *ms)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = { { "", 1e3 }, { "s", 1e3 }, { "ms", 1 }, { "m", 60e3 } };
	char *end;
	double value;

	if (*text < '0' || *text > '9')
		return false;
	value = strtod(text, &end);
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		if (value * units[i].ms > INT_MAX)
			return false;
		*ms = (int)(value * units[i].ms);
		return true;
	}
	return false;
}

void cli_put(const char *text, FILE *out)
{
	const char *end = text + strlen(text);
	uint32_t code;

	for (unsigned n; text < end; text += n) {
		n = utf8_decode(text, end, &code);
		if (code == '\t' ||
		    (code != UTF8_INVALID && !utf8_is_control(code))) {
			fwrite(text, 1, n, out);
			continue;
		}
		putc('?', out);
		n = 1; /* one for each octet */
	}
}

void cli_put_line(const char *heading, const char *text)
{
	fputs(heading, stdout);
	cli_put(text, stdout);
	putchar('\n');
}

int cli_flush(void)
{
	static int lost; /* the first error; 0: none */

	errno = 0;
	if ((fflush(stdout) || ferror(stdout)) && !lost)
		lost = errno ? errno : EIO;
	return -lost;
}

bool cli_colour(FILE *stream)
{
	const char *term = getenv("TERM");
	const char *none = getenv("NO_COLOR");

	return isatty(fileno(stream)) && !(none && *none) && term &&
	       strcmp(term, "dumb");
}

/* What the library would refuse when it reads certificates and keys. */
static int prepare(const struct config *config)
{
	char error[TRANSPORT_ERROR_MAX] = "";
	struct prepared *prepared;
	int status = EX_OK;

	for (size_t i = 0; i < config->n_taps; i++) {
		if (!transport_prepare(&config->taps[i], &prepared, error) &&
		    !transport_try(&config->taps[i], prepared, error))
			continue;
		cli_warn("%s: %s", config->taps[i].socket, error);
		status = EX_CONFIG;
	}
	return status;
}

int cli_no_input(int error)
{
	return error == -EACCES || error == -EPERM ? EX_NOPERM : EX_NOINPUT;
}

/* Returns what is wrong with it, or NULL. */
static const char *read_text(FILE *file, char *text, size_t size)
{
	size_t n = fread(text, 1, size, file);

	if (ferror(file))
		return strerror(errno);
	if (n == size)
		return "is longer than 1 MiB";
	text[n] = '\0';
	return strlen(text) < n ? "has a NUL octet" : NULL;
}

char *cli_read_text(FILE *file, const char *name, int *status)
{
	const size_t size = CONFIG_TEXT_MAX + 1;
	char *text = file ? malloc(size) : NULL;
	int error = errno;
	const char *wrong =
		text ? read_text(file, text, size) : strerror(error);

	if (!wrong)
		return text;
	cli_warn("%s: %s", name, wrong);
	*status = file ? EX_NOINPUT : cli_no_input(-error);
	free(text);
	return NULL;
}

int cli_load(const char *text, const char *name, const char *program,
	     struct config **config)
{
	struct config_error *errors = NULL;
	struct config_env env;
	int error;

	config_env_read(&env);
	env.program = program;
	if (text)
		env.config = text;
	env.config_name = name;
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

bool cli_is_library(const char *name)
{
	return !strncmp(name, LIBRARY, strlen(LIBRARY)) ||
	       !strncmp(name, LIBRARY_MUSL, strlen(LIBRARY_MUSL));
}
