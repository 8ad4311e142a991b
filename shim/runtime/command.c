/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands, on the thread of the tap that serves.
 */
#include "shim/runtime/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/common.h"
#include "shim/base/clock.h"
#include "shim/capture/capture.h"
#include "shim/queue.h"
#include "shim/runtime/live.h"
#include "shim/runtime/reload.h"
#include "shim/tap/control.h"
#include "shim/tap/family.h"

/* The configuration of the beginning, which is not in the host's heap; and the one in
 * force, if that is another. */
static const char *first = "";
static char *reloaded;

void command_say_line(struct control_reply *reply, const char *key,
		      const char *value)
{
	char clean[512];
	size_t size = 0;

	for (; value[size] && size < sizeof(clean) - 1; size++)
		clean[size] =
			(unsigned char)value[size] < ' ' ? '?' : value[size];
	clean[size] = '\0';
	control_say(reply, "%s %s\n", key, clean);
}

static void say_time(struct control_reply *reply, const char *key, uint64_t ns)
{
	char when[CLOCK_TEXT_MAX];

	clock_print(when, ns);
	control_say(reply, "%s %s\n", key, when);
}

static void say_counts(struct control_reply *reply,
		       const struct exposition_tap *tap)
{
	const struct exposition_family *family;
	uint64_t value;

	for (size_t n = 0; (family = exposition_family(n)); n++) {
		memcpy(&value, (const char *)tap + family->offset,
		       sizeof(value));
		control_say(reply, "count %s %" PRIu64 "\n", family->name,
			    value);
	}
	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		control_say(reply, "dropped %s %" PRIu64 "\n",
			    drop_names[cause], tap->counts.dropped[cause]);
}

static void say_tap(struct control_reply *reply, size_t index)
{
	struct exposition_tap tap;
	struct report report;

	metrics_show(&live->metrics, index, &tap);
	report_read(&live->metrics.report[index], &report);
	command_say_line(reply, "tap", tap.socket);
	command_say_line(reply, "state",
			 *report.about ? report.about : "starting");
	if (report.since_ns)
		say_time(reply, "since", report.since_ns);
	control_say(reply, "recorder %s\n", report.records ? "yes" : "no");
	say_counts(reply, &tap);
}

/* When capture was last switched; 0: never. */
static uint64_t switched_ns;

static void say_capture(struct control_reply *reply)
{
	control_say(reply, "capture %s\n", capture_is_on() ? "on" : "off");
	if (switched_ns)
		say_time(reply, "switched", switched_ns);
}

static bool off(const char *body, struct control_reply *reply)
{
	(void)body;
	if (capture_is_on()) {
		family_off();
		capture_off(family_is_on);
		switched_ns = clock_wall();
	}
	say_capture(reply);
	return true;
}

static bool on(const char *body, struct control_reply *reply)
{
	(void)body;
	if (!capture_is_on()) {
		capture_on();
		family_on();
		switched_ns = clock_wall();
	}
	say_capture(reply);
	return true;
}

static uint64_t began_wall(void)
{
	return clock_wall() - (clock_steady() - atomic_load(&live->began_ns));
}

static bool status(const char *body, struct control_reply *reply)
{
	(void)body;
	command_say_line(reply, "version", DNSTAPSHIM_VERSION);
	command_say_line(reply, "program", live_config->program);
	say_time(reply, "began", began_wall());
	say_capture(reply);
	for (size_t i = 0; i < live_config->n_taps; i++)
		if (live_has(i))
			say_tap(reply, i);
	control_say(reply, "config\n%s", reloaded ? reloaded : first);
	return true;
}

void command_wake(size_t index)
{
	if (atomic_load(&live->state[index]) == RUNNING)
		queue_wake(atomic_load(&live->mapped[index]));
}

static void wake_all(void)
{
	for (size_t i = 0; i < CONFIG_TAPS_MAX; i++)
		command_wake(i);
}

static bool roll(const char *body, struct control_reply *reply)
{
	(void)body;
	const struct config *config = live_config;

	for (size_t i = 0; i < config->n_taps; i++) {
		const struct tap_config *tap = &config->taps[i];

		if (!live_has(i))
			continue;

		command_say_line(
			reply,
			tap->listen ? "listens, its collectors are left as "
				      "they are:"
			: tap->kind == ENDPOINT_FILE ? "begins another file:"
						     : "connects anew:",
			tap->socket);
		atomic_fetch_add(&live->metrics.report[i].rolls, 1);
		command_wake(i);
	}
	return true;
}

static bool reload_anew(const char *body, struct control_reply *reply)
{
	return reload(body, &reloaded, reply);
}

static const struct command {
	const char *name;
	bool (*carry_out)(const char *body, struct control_reply *reply);
} commands[] = {
	{ "status", status }, { "roll", roll }, { "reload", reload_anew },
	{ "off", off },       { "on", on },
};

static bool carry_out(const char *name, const char *body,
		      struct control_reply *reply)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].carry_out(body, reply);
	command_say_line(reply,
			 "unknown to version " DNSTAPSHIM_VERSION
			 " of the library:",
			 name);
	return false;
}

void command_begin(void)
{
	char *printed = reload_print(live_config);
	size_t size = printed ? strlen(printed) + 1 : 0;
	char *apart = size ? mmap(NULL, size, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
			   : MAP_FAILED;

	if (apart != MAP_FAILED)
		first = memcpy(apart, printed, size);
	free(printed);
	control_begin(carry_out, wake_all);
}
