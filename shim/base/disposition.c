/* SPDX-License-Identifier: Apache-2.0
 *
 * A handler for each set of the flags that ours cannot leave as they are.
 */
#include "shim/base/disposition.h"

#include <stddef.h>

#include "proto/common.h"

const int disposition_numbers[3] = { SIGHUP, SIGINT, SIGTERM };

/* By the bit that says in a handler's number that the host has set it. */
static const unsigned hidden[] = {
	SA_SIGINFO,           /* ours is told of the context */
	SA_RESTART,           /* a call that ours interrupts is to return */
	SA_RESETHAND,         /* ours is there for the next one too */
	DISPOSITION_RESTORER, /* libc sets it, for ours as well */
};
#define N_HIDDEN ARRAY_SIZE(hidden)

static disposition_handler *taken;

#define HANDLER(n)                                                          \
	static void handler_##n(int number, siginfo_t *info, void *context) \
	{                                                                   \
		taken(number, info, context);                               \
	}
HANDLER(0)
HANDLER(1)
HANDLER(2)
HANDLER(3)
HANDLER(4)
HANDLER(5)
HANDLER(6)
HANDLER(7)
HANDLER(8)
HANDLER(9)
HANDLER(10)
HANDLER(11)
HANDLER(12)
HANDLER(13)
HANDLER(14)
HANDLER(15)

static disposition_handler *const handlers[] = {
	handler_0,  handler_1,  handler_2,  handler_3,  handler_4,  handler_5,
	handler_6,  handler_7,  handler_8,  handler_9,  handler_10, handler_11,
	handler_12, handler_13, handler_14, handler_15,
};
#define N_HANDLERS ARRAY_SIZE(handlers)
_Static_assert(N_HANDLERS == 1 << N_HIDDEN, "one for each set");

void disposition_begin(disposition_handler *to)
{
	taken = to;
}

bool disposition_ends(int number)
{
	return number == SIGHUP || number == SIGINT || number == SIGTERM;
}

disposition_handler *disposition_take(unsigned *flags)
{
	unsigned which = 0;

	for (size_t i = 0; i < N_HIDDEN; i++)
		if (*flags & hidden[i])
			which |= 1u << i;
	*flags = (*flags & ~(SA_RESTART | SA_RESETHAND)) | SA_SIGINFO;
	return handlers[which];
}

bool disposition_show(disposition_handler *handler, unsigned *flags)
{
	size_t which = 0;

	while (which < N_HANDLERS && handlers[which] != handler)
		which++;
	if (which == N_HANDLERS)
		return false;
	for (size_t i = 0; i < N_HIDDEN; i++) {
		*flags &= ~hidden[i];
		if (which & 1u << i)
			*flags |= hidden[i];
	}
	return true;
}
