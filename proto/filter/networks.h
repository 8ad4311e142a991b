/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of networks, IPv4 and IPv6.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proto/address.h"
struct text;

/* Octets that networks_show writes at most. */
#define NETWORKS_WORD_MAX 64

struct network {
	struct address address;
	uint8_t bits;
};

/* All zero: empty. */
struct networks {
	struct network *list;
	size_t count;
};

/* Adds an address, or one with the length of a prefix behind a slash; the bits
 * behind it are zero. Returns 0, -EINVAL or -ENOMEM. */
int networks_add(struct networks *networks, const char *text);

/* Is this known address in one of them? */
bool networks_have(const struct networks *networks,
		   const struct address *address);

/* Are they the same, in the same order? */
bool networks_same(const struct networks *a, const struct networks *b);

/* Writes the i-th so that networks_add reads the same. */
void networks_show(const struct networks *networks, size_t i, struct text *out);

void networks_release(struct networks *networks);
