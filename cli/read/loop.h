/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether messages that are passed on would come back to this very process, which
 * would wait for itself.
 */
#pragma once

#include <stdbool.h>

/* Does who connects to the path `to` reach who listens at the path `at` by now? */
bool loop_unix(const char *at, const char *to);

/* The same of HOST:PORT. Only loopback counts as this machine behind the address
 * for all. What cannot be looked up is no loop. */
bool loop_tcp(const char *at, const char *to);
