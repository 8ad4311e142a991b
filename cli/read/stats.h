/* SPDX-License-Identifier: Apache-2.0
 *
 * A summary of many messages: what was asked, by whom, and how it was answered.
 */
#pragma once

#include <stdio.h>

#include "dnstap.pb-c.h"

struct stats;

/* Returns NULL when out of memory. */
struct stats *stats_new(void);
void stats_free(struct stats *stats);

/* Returns 0 or -ENOMEM. */
int stats_add(struct stats *stats, const Dnstap__Message *message);

void stats_print(const struct stats *stats, FILE *out);
