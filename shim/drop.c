/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of the causes.
 */
#include "shim/drop.h"

const char *const drop_names[DROP_CAUSE_COUNT] = {
#define X(id, name) [DROP_##id] = name,
	DROP_CAUSES(X)
#undef X
};
