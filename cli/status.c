/* SPDX-License-Identifier: Apache-2.0
 *
 * dnstapshim status, and reading the library's answer: a key and a value on each
 * line, and behind the last key the configuration.
 */
#include "cli/status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/counters.h"
#include "cli/processes.h"
#include "proto/common.h"
#include "proto/utf8.h"

static const struct command_option options[] = {
	OPTION('j', "json", NULL,
	       "a JSON object for each process, on a line of its own"),
	{ 0 },
};

static command_main status_main;

const struct command status_command = {
	"status",
	"show what the library in a process does just now",
	status_main,
	COMMAND_ANY_ORDER,
	"[-j] PID|PROGRAM...",
	"Says what the library in a process does just now: the configuration in\n"
	"force, and of each tap its connection and its counters. A PROGRAM stands\n"
	"for every process of that name in which the library is loaded.\n",
	options,
	.operands = "PROGRAM",
};

/* Reading */

static bool add_tap(struct status *status, const char *socket)
{
	struct status_tap *more =
		realloc(status->taps, (status->n + 1) * sizeof(*status->taps));

	if (!more)
		return false;
	status->taps = more;
	status->taps[status->n] = (struct status_tap){
		.state = "",
		.since = "",
		.counters = { .socket = socket, .index = status->n },
	};
	status->n++;
	return true;
}

/* "NAME NUMBER" */
static void take_count(struct exposition_tap *tap, char *text, bool dropped)
{
	const struct exposition_family *family;
	const char *name = strsep(&text, " ");
	uint64_t value = text ? strtoull(text, NULL, 10) : 0;

	for (int i = 0; dropped && i < DROP_CAUSE_COUNT; i++)
		if (!strcmp(name, drop_names[i]))
			tap->counts.dropped[i] = value;
	for (size_t n = 0; !dropped && (family = exposition_family(n)); n++)
		if (!strcmp(name, family->name))
			memcpy((char *)tap + family->offset, &value,
			       sizeof(value));
}

static void take_of_tap(struct status_tap *tap, const char *key, char *value)
{
	if (!strcmp(key, "state"))
		tap->state = value;
	else if (!strcmp(key, "since"))
		tap->since = value;
	else if (!strcmp(key, "recorder"))
		tap->records = !strcmp(value, "yes");
	else if (!strcmp(key, "count") || !strcmp(key, "dropped"))
		take_count(&tap->counters, value, *key == 'd');
}

static void take_of_process(struct status *status, const char *key,
			    const char *value)
{
	const struct {
		const char *key, **to;
	} rows[] = {
		{ "version", &status->version },
		{ "program", &status->program },
		{ "began", &status->began },
		{ "capture", &status->capture },
		{ "switched", &status->switched },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(key, rows[i].key))
			*rows[i].to = value;
}

static bool take(struct status *status, const char *key, char *value)
{
	if (!strcmp(key, "tap"))
		return add_tap(status, value);
	if (status->n)
		take_of_tap(&status->taps[status->n - 1], key, value);
	else
		take_of_process(status, key, value);
	return true;
}

static bool read_answer(struct status *status)
{
	char *text = status->answer.text, *line, *key;
	bool good = true;

	while (good && (line = strsep(&text, "\n")) && strcmp(line, "config")) {
		key = strsep(&line, " ");
		good = !line || take(status, key, line);
	}
	status->config = text ? text : "";
	return good;
}

static int take_answer(struct status *status, int error)
{
	if (error)
		return error;
	if (!status->answer.done)
		return 0;
	return read_answer(status) ? 0 : -ENOMEM;
}

static struct status nothing_of(pid_t pid)
{
	return (struct status){
		.pid = pid,
		.version = "",
		.program = "",
		.began = "",
		.capture = "",
		.switched = "",
		.config = "",
	};
}

int status_ask(struct status *status, pid_t pid)
{
	*status = nothing_of(pid);
	return take_answer(status, ask(pid, "status", NULL, &status->answer));
}

void status_free(struct status *status)
{
	reply_free(&status->answer);
	free(status->taps);
	*status = (struct status){ 0 };
}

/* Strings of its own, also when there is no memory for all. */
static bool copy_tap(struct counters *counters, const char *program,
		     const struct exposition_tap *tap)
{
	struct counters_tap *copy = &counters->taps[counters->n++];

	*copy = (struct counters_tap){ .program = strdup(program),
				       .tap = *tap };
	copy->tap.socket = strdup(tap->socket);
	return copy->program && copy->tap.socket;
}

static int copy_taps(struct counters *counters, const struct status *status)
{
	bool good = true;

	if (!status->n)
		return -EINVAL;
	counters->taps = calloc(status->n, sizeof(*counters->taps));
	for (size_t i = 0; counters->taps && good && i < status->n; i++)
		good = copy_tap(counters, status->program,
				&status->taps[i].counters);
	clock_gettime(CLOCK_REALTIME, &counters->written);
	return counters->taps && good ? 0 : -ENOMEM;
}

int status_counters(struct counters *counters, pid_t pid)
{
	struct status status = nothing_of(pid);
	int error = take_answer(&status,
				ask_briefly(pid, "status", &status.answer));

	*counters = (struct counters){ 0 };
	if (!error)
		error = copy_taps(counters, &status);
	status_free(&status);
	return error;
}

/* For people */

static void print_heading(const struct status *status, FILE *out)
{
	fprintf(out, "process %d ", (int)status->pid);
	cli_put(status->program, out);
	fputs(": dnstapshim/", out);
	cli_put(status->version, out);
	fputs(", tapping since ", out);
	cli_put(status->began, out);
	if (*status->switched) {
		fputs(", capture ", out);
		cli_put(status->capture, out);
		fputs(" since ", out);
		cli_put(status->switched, out);
	}
	putc('\n', out);
}

static void print_tap(const struct status_tap *tap, FILE *out)
{
	fputs("  tap ", out);
	cli_put(tap->counters.socket, out);
	fputs(": ", out);
	cli_put(tap->state, out);
	if (*tap->since) {
		fputs(", since ", out);
		cli_put(tap->since, out);
	}
	fputs(tap->records ? ", with a flight recorder\n    " : "\n    ", out);
	counters_print(&tap->counters, out);
	putc('\n', out);
}

void status_print_config(const struct status *status, FILE *out)
{
	const char *config = status->config;
	size_t size;

	fputs("  configuration in force\n", out);
	for (; *config; config += size + !!config[size]) {
		size = strcspn(config, "\n");
		char *line = strndup(config, size);

		if (line && *line) {
			fputs("    ", out);
			cli_put(line, out);
			putc('\n', out);
		}
		free(line);
	}
}

void status_print(const struct status *status, FILE *out)
{
	print_heading(status, out);
	for (size_t i = 0; i < status->n; i++)
		print_tap(&status->taps[i], out);
	status_print_config(status, out);
}

/* For programs */

/* Beyond 16 bits as a pair of surrogates (RFC 8259 7). */
static void put_escaped(uint32_t code, FILE *out)
{
	if (code < 0x10000)
		fprintf(out, "\\u%04x", (unsigned)code);
	else
		fprintf(out, "\\u%04x\\u%04x", 0xd7c0 + (unsigned)(code >> 10),
			0xdc00 + (unsigned)(code & 0x3ff));
}

/* What is no UTF-8 becomes a replacement character. */
static void put_string(const char *text, FILE *out)
{
	const char *end = text + strlen(text);
	uint32_t code;

	putc('"', out);
	for (unsigned n; text < end; text += n) {
		n = utf8_decode(text, end, &code);
		if (code == UTF8_INVALID) {
			fputs("\\ufffd", out);
			n = 1; /* one for each octet */
		} else if (utf8_is_control(code) || code == '"' ||
			   code == '\\') {
			put_escaped(code, out);
		} else {
			fwrite(text, 1, n, out);
		}
	}
	putc('"', out);
}

static void put_member(const char *key, const char *value, FILE *out)
{
	fprintf(out, "\"%s\":", key);
	put_string(value, out);
	putc(',', out);
}

/* Without what all names begin with. */
static void put_counts(const struct exposition_tap *tap, FILE *out)
{
	const size_t prefix = sizeof("dnstapshim_") - 1;
	const struct exposition_family *family;
	uint64_t value;

	for (size_t n = 0; (family = exposition_family(n)); n++) {
		memcpy(&value, (const char *)tap + family->offset,
		       sizeof(value));
		fprintf(out, "\"%s\":%" PRIu64 ",", family->name + prefix,
			value);
	}
	fputs("\"dropped_total\":{", out);
	for (int i = 0; i < DROP_CAUSE_COUNT; i++)
		fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "", drop_names[i],
			tap->counts.dropped[i]);
	putc('}', out);
}

static void put_tap(const struct status_tap *tap, FILE *out)
{
	putc('{', out);
	put_member("tap", tap->counters.socket, out);
	put_member("state", tap->state, out);
	put_member("since", tap->since, out);
	fprintf(out, "\"recorder\":%s,", tap->records ? "true" : "false");
	put_counts(&tap->counters, out);
	putc('}', out);
}

void status_print_json(const struct status *status, FILE *out)
{
	fprintf(out, "{\"pid\":%d,", (int)status->pid);
	put_member("program", status->program, out);
	put_member("version", status->version, out);
	put_member("began", status->began, out);
	put_member("capture", status->capture, out);
	put_member("switched", status->switched, out);
	fputs("\"taps\":[", out);
	for (size_t i = 0; i < status->n; i++) {
		fputs(i ? "," : "", out);
		put_tap(&status->taps[i], out);
	}
	fputs("],\"config\":", out);
	put_string(status->config, out);
	fputs("}\n", out);
}

/* The command */

static int show(pid_t pid, void *json_wanted)
{
	bool json = *(bool *)json_wanted;
	struct status status;
	int error = status_ask(&status, pid), result;

	if (!error && status.answer.done)
		(json ? status_print_json : status_print)(&status, stdout);
	result =
		reply_explain(&status.answer, error, pid, EX_UNAVAILABLE, NULL);
	status_free(&status);
	return result;
}

static int status_main(int argc, char **argv)
{
	bool json = false;
	int option, status = EX_OK;

	while ((option = command_next(&status_command, argc, argv, &status)) !=
	       -1) {
		if (option == COMMAND_DONE)
			return status;
		json = true;
	}
	if (optind == argc)
		return cli_usage("name a process or a program");
	return processes_each(argc - optind, argv + optind, show, &json);
}
