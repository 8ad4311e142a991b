/* SPDX-License-Identifier: Apache-2.0
 *
 * A new configuration is laid out by the places of the old one's taps, and published
 * with one store: until then nothing of it is seen, and it can be refused.
 */
#include "shim/runtime/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/print.h"
#include "shim/base/sandbox.h"
#include "shim/runtime/command.h"
#include "shim/runtime/environment.h"
#include "shim/runtime/live.h"
#include "shim/runtime/start.h"
#include "shim/tap/control.h"
#include "shim/tap/prepare.h"
#include "shim/tap/tap.h"

/* What is to come. */
struct plan {
	struct config *fresh;  /* as it was read */
	struct config *placed; /* its taps where they will be */
	uint64_t kept, added;  /* of them, by places */
};

char *reload_print(const struct config *config)
{
	char *printed = NULL;
	size_t size;
	FILE *out = open_memstream(&printed, &size);

	if (!out)
		return NULL;
	config_print(config, out);
	return fclose(out) ? NULL : printed;
}

/* All that is said of a tap, and nothing else. */
static char *text_of(const struct tap_config *tap)
{
	struct config one = { .n_taps = 1, .taps = (struct tap_config *)tap };

	one.log = LOG_TARGET_OFF;
	return reload_print(&one);
}

static bool is_same(const struct tap_config *a, const struct tap_config *b)
{
	char *one = text_of(a), *other = text_of(b);
	bool same = one && other && !strcmp(one, other);

	free(one);
	free(other);
	return same;
}

static bool is_same_text(const char *a, const char *b)
{
	return !a || !b ? a == b : !strcmp(a, b);
}

/* What all taps have in common is known to the host's threads, in ways that cannot be
 * changed under their feet. */
static const char *differs(const struct config *a, const struct config *b)
{
	if (memcmp(a->ports, b->ports, sizeof(a->ports)))
		return "ports";
	if (a->https != b->https ||
	    memcmp(a->tls_ports, b->tls_ports, sizeof(a->tls_ports)))
		return "tls_ports";
	if (!proxies_same(&a->proxies, &b->proxies))
		return "proxies";
	if (a->log != b->log || !is_same_text(a->log_path, b->log_path))
		return "log";
	if (!is_same_text(a->metrics_path, b->metrics_path))
		return "metrics";
	return is_same_text(a->recorder, b->recorder) ? NULL : "recorder";
}

/* The place of a tap that stays as it is; n_taps: there is none. Its certificates may
 * have been renewed under their names. */
static size_t place_of(const struct plan *plan, const struct tap_config *tap)
{
	const struct config *now = live_config;
	size_t i = 0;

	while (i < now->n_taps &&
	       (!live_has(i) || plan->kept >> i & 1 ||
		!is_same(&now->taps[i], tap) || tap_is_renewed(now, i)))
		i++;
	return i;
}

static bool add(struct plan *plan, const struct tap_config *tap,
		struct control_reply *reply)
{
	size_t place = plan->placed->n_taps;
	char error[TAP_ERROR_MAX] = "";

	if (place == CONFIG_TAPS_MAX) {
		control_say(reply,
			    "a process has room for %d taps in its life: "
			    "another one takes a restart\n",
			    CONFIG_TAPS_MAX);
		return false;
	}
	plan->placed->taps[place] = *tap;
	plan->placed->n_taps++;
	plan->added |= UINT64_C(1) << place;
	if (tap_prepare_one(plan->placed, place, error))
		return true;
	control_say(reply, "%s\n", error);
	return false;
}

/* What is wrong with their certificates the operator is to hear. */
static bool try_added(const struct plan *plan, struct control_reply *reply)
{
	char error[TAP_ERROR_MAX] = "";

	if (!start_may() ||
	    tap_try(plan->placed, atomic_load(&live_config)->n_taps, error))
		return true;
	control_say(reply, "%s\n", error);
	return false;
}

static bool lay_out(struct plan *plan, struct control_reply *reply)
{
	const struct config *now = live_config, *fresh = plan->fresh;
	struct config *placed = malloc(sizeof(*placed));
	struct tap_config *taps = calloc(CONFIG_TAPS_MAX, sizeof(*taps));

	if (!placed || !taps) {
		free(placed);
		free(taps);
		control_say(reply, "out of memory\n");
		return false;
	}
	*placed = *fresh;
	placed->taps = taps;
	placed->n_taps = now->n_taps;
	memcpy(taps, now->taps, now->n_taps * sizeof(*taps));
	plan->placed = placed;
	for (size_t i = 0; i < fresh->n_taps; i++) {
		size_t place = place_of(plan, &fresh->taps[i]);

		if (place < now->n_taps)
			plan->kept |= UINT64_C(1) << place;
		else if (!add(plan, &fresh->taps[i], reply))
			return false;
	}
	return try_added(plan, reply);
}

static bool read_anew(struct plan *plan, const char *text,
		      struct control_reply *reply)
{
	const struct config *now = live_config;
	struct config_error *errors = NULL;
	int error =
		environment_reload(text, now->program, &plan->fresh, &errors);

	for (const struct config_error *e = errors; e; e = e->next)
		control_say(reply, "%s\n", e->text);
	if (error && !errors)
		control_say(reply, "%s\n", strerror(-error));
	config_errors_free(errors);
	if (error)
		return false;
	const char *setting = differs(now, plan->fresh);
	if (setting)
		control_say(reply, "%s: another one takes a restart\n",
			    setting);
	else if (!plan->fresh->n_taps)
		control_say(reply, "there is no tap: see dnstapshim off\n");
	return !setting && plan->fresh->n_taps;
}

/* Nobody has seen any of it. */
static void forget(struct plan *plan)
{
	for (size_t i = 0; i < CONFIG_TAPS_MAX; i++)
		if (plan->added >> i & 1)
			tap_unprepare_one(plan->placed, i);
	if (plan->placed)
		free(plan->placed->taps);
	config_free(plan->fresh);
	free(plan->placed);
}

static void say_taps(uint64_t taps, const char *what,
		     struct control_reply *reply)
{
	const struct config *now = live_config;

	for (size_t i = 0; i < now->n_taps; i++)
		if (taps >> i & 1)
			command_say_line(reply, what, now->taps[i].socket);
}

/* The configuration before the bits of its taps: partner of live_has(). */
static void publish(const struct plan *plan, struct control_reply *reply)
{
	uint64_t taps = plan->kept | plan->added,
		 removed = atomic_load(&live_taps) & ~taps;

	live_config = plan->placed;
	metrics_change(plan->placed, removed);
	atomic_store_explicit(&live_taps, taps, memory_order_release);
	for (size_t i = 0; i < plan->placed->n_taps; i++)
		if (removed >> i & 1) {
			atomic_store(&live->metrics.report[i].leaves, true);
			if (atomic_load(&live->state[i]) != RUNNING &&
			    !live_waits(i))
				metrics_retire(i);
			command_wake(i);
		}
	/* A thread may have to be started where nothing can be allocated. */
	if (plan->added && start_may())
		tap_reserve(plan->placed);
	say_taps(plan->kept, "unchanged:", reply);
	say_taps(removed, "removed:", reply);
	say_taps(plan->added, "added:", reply);
}

bool reload(const char *text, char **in_force, struct control_reply *reply)
{
	struct plan plan = { 0 };

	if (!sandbox_spares(sandbox_looking_up)) {
		control_say(reply, "the server's own seccomp filter might end "
				   "it for reading files\n");
		return false;
	}
	if (!read_anew(&plan, text, reply) || !lay_out(&plan, reply)) {
		forget(&plan);
		return false;
	}
	free(*in_force);
	*in_force = reload_print(plan.fresh);
	if (plan.added || plan.kept != atomic_load(&live_taps)) {
		publish(&plan, reply);
		return true;
	}
	/* Who reloads every hour for years is not to be out of memory. */
	say_taps(plan.kept, "unchanged:", reply);
	forget(&plan);
	return true;
}
