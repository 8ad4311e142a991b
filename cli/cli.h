/* SPDX-License-Identifier: Apache-2.0
 *
 * What the subcommands of dnstapshim share: the way they
 * speak to the user, the configuration, and the exit statuses, which are those of
 * sysexits(3).
 */
#pragma once

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>

#include "config/config.h"

/* As it is preloaded, and looked for. */
#define LIBRARY      "libdnstapshim.so"
#define LIBRARY_MUSL "libdnstapshim-musl.so"

/* Whether a file of this name, without its directory, is either. */
bool cli_is_library(const char *name);

/* "read", for messages; set once by main(). */
extern const char *cli_command;

/* A line on the terminal has no end yet: what is said next wipes it out. */
extern bool cli_line_open;
void cli_close_line(void);

/* Where a screen is up: shows the text of a message, which stderr would put in the midst
 * of it. NULL: there is none. */
extern void (*cli_show)(const char *text);

/* One line on stderr: "dnstapshim read: " and the text. */
void cli_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and where to find help. Returns EX_USAGE. */
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says so. Returns EX_OSERR. */
int cli_no_memory(void);

/* What is wrong with the word that getopt_long has just refused (with ':' first
 * among its options). Returns EX_USAGE. */
int cli_option(int result, char **argv);

/* A decimal number between min and max, and nothing behind it. */
bool cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *number);

/* Is it a port, as a number from 1 to 65535 or as the name of a service? What
 * getaddrinfo(3) takes for one is more: of a larger number it takes the rest. */
bool cli_is_port(const char *text);

/* 10, 1.5s, 250ms or 2m, as milliseconds. */
bool cli_duration(const char *text, int *ms);

/* Prints what a file or another process says; what a terminal might take for a
 * command becomes a question mark, as all that utf8_is_control names, also a
 * newline. */
void cli_put(const char *text, FILE *out);

/* The same of a line on stdout; the heading is ours. */
void cli_put_line(const char *heading, const char *text);

/* Writes out what was printed on stdout. Returns 0, or -errno of the first failure;
 * -EPIPE: the reader at the other end of the pipe has seen enough. */
int cli_flush(void);

/* Whether colour is welcome on this stream: a terminal, and no NO_COLOR. */
bool cli_colour(FILE *stream);

/* The exit status for a file that cannot be read, for this -errno. */
int cli_no_input(int error);

/* The text of a configuration, all of `file` (release with free). NULL: it could not be
 * opened, which errno says. Returns NULL and *status, having said why, where it is none. */
char *cli_read_text(FILE *file, const char *name, int *status);

/*
 * The configuration as the library would read it. text: what DNSTAP_CONFIG is to
 * be, and name, what errors call it; NULL: as the environment has it. program: the name
 * that stands in the default version. Returns EX_OK and *config (release with
 * config_free), or says on stderr all that is wrong and returns another exit status.
 */
int cli_load(const char *text, const char *name, const char *program,
	     struct config **config);
