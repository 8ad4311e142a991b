/* SPDX-License-Identifier: Apache-2.0
 *
 * Two counts that overlap: none is ever empty but at the very beginning, and nothing has
 * to be taken out of one.
 */
#include "cli/top/live.h"

#include <errno.h>

#include "cli/read/dnstap.h"
#include "cli/read/source.h"
#include "proto/common.h"

#define TURN_MS 30000

/* Of names, and of clients: an attack with random ones must not eat all memory. */
#define KEYS_MAX 100000

int live_begin(struct live *live)
{
	live->older = stats_new(KEYS_MAX);
	live->younger = stats_new(KEYS_MAX);
	live->older_since = live->turned = source_clock();
	return live->older && live->younger ? 0 : -ENOMEM;
}

int live_add(struct live *live, const uint8_t *data, size_t size)
{
	Dnstap__Dnstap *dnstap = dnstap_read(data, size);
	int error = 0;

	if (dnstap && choice_wants(&live->choice, dnstap->message)) {
		error = stats_add(live->older, dnstap->message);
		if (!error)
			error = stats_add(live->younger, dnstap->message);
	}
	dnstap_free(dnstap);
	return error;
}

int live_turn(struct live *live)
{
	int64_t now = source_clock();
	struct stats *fresh;

	if (now - live->turned < TURN_MS)
		return 0;
	fresh = stats_new(KEYS_MAX);
	if (!fresh)
		return -ENOMEM;
	stats_free(live->older);
	live->older = live->younger;
	live->older_since = live->turned;
	live->younger = fresh;
	live->turned = now;
	return 0;
}

double live_seconds(const struct live *live)
{
	return (double)(source_clock() - live->older_since) / 1000;
}

void live_release(struct live *live)
{
	stats_free(live->older);
	stats_free(live->younger);
	choice_release(&live->choice);
}
