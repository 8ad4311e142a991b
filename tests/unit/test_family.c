/* SPDX-License-Identifier: Apache-2.0
 *
 * When a child is told not to wait, and by whom.
 */
#include <criterion/criterion.h>

#include <sys/wait.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/tap/family.h"

#define NOW (1000 * NS_PER_S)

/* One failure, or two, may be those of a busy machine. */
static void fall_silent(size_t tap)
{
	cr_assert(!family_is_silent(tap, NOW));
	family_tell(tap, false, NOW);
	family_tell(tap, false, NOW);
	cr_assert(!family_is_silent(tap, NOW));
	family_tell(tap, false, NOW);
	cr_assert(family_is_silent(tap, NOW));
}

Test(family, waits_until_it_has_failed)
{
	fall_silent(0);
	cr_assert(!family_is_silent(1, NOW), "another tap's affair");
}

Test(family, a_frame_that_is_taken_is_news)
{
	fall_silent(0);
	family_tell(0, true, NOW);
	fall_silent(0);
}

/* One of many finds out whether it is still so. */
Test(family, one_tries_again)
{
	uint64_t later = NOW + 10 * NS_PER_S;

	fall_silent(0);
	cr_assert(family_is_silent(0, NOW + NS_PER_S));
	cr_assert(!family_is_silent(0, later));
	cr_assert(family_is_silent(0, later));
	cr_assert(family_is_silent(0, later));
}

Test(family, children_tell_each_other)
{
	int status;

	family_begin();
	if (!fork()) {
		fall_silent(0);
		_exit(0);
	}
	wait(&status);
	if (!fork())
		_exit(family_is_silent(0, NOW) ? 7 : 8);
	wait(&status);
	cr_assert_eq(WEXITSTATUS(status), 7);
	cr_assert(family_is_silent(0, NOW));
}
