/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/base/disposition.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define HIDDEN (SA_SIGINFO | SA_RESTART | (unsigned)SA_RESETHAND)

/* Every set of the flags that there are for a handler, bit by bit. */
static unsigned flags_of(unsigned draw)
{
	const unsigned known[] = {
		SA_NOCLDSTOP, SA_NOCLDWAIT, SA_SIGINFO,   SA_ONSTACK,
		SA_RESTART,   SA_NODEFER,   SA_RESETHAND, DISPOSITION_RESTORER,
	};
	unsigned flags = 0;

	for (size_t i = 0; i < 8; i++)
		if (draw & 1u << i)
			flags |= known[i];
	return flags;
}

Test(disposition, shows_what_was_taken)
{
	for (unsigned draw = 0; draw < 256; draw++) {
		unsigned flags = flags_of(draw);
		disposition_handler *ours = disposition_take(&flags);

		cr_assert(ours != NULL);
		cr_assert(flags & SA_SIGINFO);
		cr_assert(!(flags & (SA_RESTART | SA_RESETHAND)));
		cr_assert_eq(flags & ~HIDDEN, flags_of(draw) & ~HIDDEN);
		cr_assert(disposition_show(ours, &flags));
		cr_assert_eq(flags, flags_of(draw));
	}
}

/* libc sets it, whatever the host has said; siginterrupt(3) sets or clears the
 * other one of whatever there is. */
Test(disposition, does_not_heed_what_libc_sets)
{
	unsigned flags = SA_NODEFER, kept;
	disposition_handler *ours = disposition_take(&flags);

	kept = flags | DISPOSITION_RESTORER | SA_RESTART;
	cr_assert(disposition_show(ours, &kept));
	cr_assert_eq(kept, SA_NODEFER);
}

Test(disposition, leaves_others_alone)
{
	unsigned flags = SA_RESTART;

	cr_assert(!disposition_show((disposition_handler *)(void *)SIG_DFL,
				    &flags));
	cr_assert(!disposition_show((disposition_handler *)(void *)SIG_IGN,
				    &flags));
	cr_assert(!disposition_show((disposition_handler *)(void *)abort,
				    &flags));
	cr_assert_eq(flags, SA_RESTART);
}

Test(disposition, is_about_three_signals)
{
	for (int number = 0; number <= 64; number++) {
		bool listed = false;

		for (size_t i = 0; i < 3; i++)
			listed |= disposition_numbers[i] == number;
		cr_assert_eq(disposition_ends(number), listed);
	}
}

static int told;

static void tell(int number, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	told = number;
}

Test(disposition, leads_on)
{
	unsigned flags = 0;

	disposition_begin(tell);
	disposition_take (&flags)(SIGHUP, NULL, NULL);
	cr_assert_eq(told, SIGHUP);
}
