/* SPDX-License-Identifier: Apache-2.0
 *
 * What the public functions (dnstapshim.h) need to be told.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define DNSTAPSHIM_LIBRARY
#include "shim/api/dnstapshim.h"

struct api_setup {
	/* Fills *tap if there is one in this place. Async-signal-safe. */
	bool (*tap)(size_t place, struct dnstapshim_tap *tap);
};

/* Before capture begins. `setup` is copied. */
void api_begin(const struct api_setup *setup);
