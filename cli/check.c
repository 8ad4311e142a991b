/* SPDX-License-Identifier: Apache-2.0
 *
 * dnstapshim check: the configuration as the library understands it, or all of
 * its errors; and on request, whether the collectors are there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/probe.h"
#include "cli/settings.h"
#include "config/print.h"

static const char usage[] =
	"usage: dnstapshim check [--connect] [FILE | -]\n"
	"\n"
	"Prints the configuration that FILE, standard input (-) or the\n"
	"environment has, with every default spelled out; or everything that\n"
	"is wrong with it (exit status 78).\n"
	"\n"
	"  --connect  open each endpoint instead, make the handshake and say\n"
	"             what came back (exit status 69 if one of them fails)\n";

/* All of standard input (release with free), or NULL. */
static char *read_input(void)
{
	char *text = NULL;
	size_t room = 0;

	/* No octet ends it: all of it is one "line". */
	if (getdelim(&text, &room, EOF, stdin) >= 0)
		return text;
	free(text);
	return ferror(stdin) ? NULL : strdup("");
}

static char *read_source(const char *name)
{
	char *text = strcmp(name, "-") ? realpath(name, NULL) : read_input();

	if (!text)
		cli_warn("%s: %s", name, strerror(errno));
	return text;
}

static int probe_all(const struct config *config)
{
	int status = EX_OK;

	for (size_t i = 0; i < config->n_taps; i++)
		if (!probe(&config->taps[i]))
			status = EX_UNAVAILABLE;
	return status;
}

static int check(const char *text, bool connect)
{
	struct config *config;
	int status = settings_load(text, "PROGRAM", &config);

	if (status != EX_OK)
		return status;
	if (config->n_taps == 0)
		cli_warn("no tap is configured, so the library does nothing");
	if (connect)
		status = probe_all(config);
	else
		config_print(config, stdout);
	config_free(config);
	return status;
}

int check_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "connect", no_argument, NULL, 'c' },
		{ 0 },
	};
	bool connect = false;
	char *text = NULL;
	int option, status;

	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(usage, stdout);
			return EX_OK;
		}
		if (option != 'c')
			return cli_option(option, argv);
		connect = true;
	}
	if (argc - optind > 1)
		return cli_usage("'%s': give one file only", argv[optind + 1]);
	if (optind < argc && !(text = read_source(argv[optind])))
		return EX_NOINPUT;
	status = check(text, connect);
	free(text);
	return status;
}
