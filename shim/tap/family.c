/* SPDX-License-Identifier: Apache-2.0
 *
 * In memory that forked children share.
 */
#include "shim/tap/family.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "config/config.h"
#include "shim/base/clock.h"

#define SILENT_NS    (5 * NS_PER_S)
#define FAILURES_MAX 3 /* in a row: one may be a machine that is busy */

struct word {
	_Atomic uint32_t failures; /* since a frame was taken */
	_Atomic uint64_t until_ns; /* nobody waits before; 0: all do */
};

/* So many may be off at a time, each with the children that it has forked meanwhile;
 * were there more, one would take another along. */
#define TURNS 256

static struct shared {
	struct word word[CONFIG_TAPS_MAX];
	_Atomic bool said;
	_Atomic uint32_t next, turn[TURNS];
} alone, *family = &alone;

/* This process's, when it was last told to be off; and a child's. */
static uint32_t place, seen;

void family_begin(void)
{
	void *shared = mmap(NULL, sizeof(alone), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared != MAP_FAILED)
		family = shared;
}

void family_tell(size_t tap, bool takes, uint64_t now_ns)
{
	struct word *word = &family->word[tap];

	if (!takes) {
		if (atomic_fetch_add(&word->failures, 1) + 1 >= FAILURES_MAX)
			atomic_store(&word->until_ns, now_ns + SILENT_NS);
	} else if (atomic_load_explicit(&word->failures,
					memory_order_relaxed)) {
		atomic_store(&word->failures, 0);
		atomic_store(&word->until_ns, 0);
	}
}

bool family_is_silent(size_t tap, uint64_t now_ns)
{
	struct word *word = &family->word[tap];
	uint64_t until = atomic_load(&word->until_ns);

	return until && (now_ns < until ||
			 !atomic_compare_exchange_strong(
				 &word->until_ns, &until, now_ns + SILENT_NS));
}

bool family_says_first(void)
{
	return !atomic_exchange(&family->said, true);
}

void family_off(void)
{
	place = atomic_fetch_add(&family->next, 1) % TURNS;
	seen = atomic_load(&family->turn[place]);
}

void family_on(void)
{
	atomic_fetch_add(&family->turn[place], 1);
}

bool family_is_on(void)
{
	return atomic_load_explicit(&family->turn[place],
				    memory_order_acquire) != seen;
}
