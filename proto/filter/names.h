/* SPDX-License-Identifier: Apache-2.0
 *
 * A set of domain names, and of all that lies below others. Looking one up costs
 * the same however many there are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text;

/* All zero: empty. */
struct names {
	struct name **list; /* in the order in which they were added */
	size_t count;
	struct name **table; /* open addressing; a power of two of slots */
	size_t slots;
};

/*
 * Adds a name as master files have it (RFC 1035 5.1), with or without its last
 * dot; behind "*.", all names below it and not itself. Returns 0, -EINVAL or
 * -ENOMEM.
 */
int names_add(struct names *names, const char *text);

/* Is this uncompressed name in wire format, in whatever case, among them? */
bool names_have(const struct names *names, const uint8_t *name, size_t size);

/* Writes the i-th so that names_add reads the same, in letters, digits and
 * ".-_*\". */
void names_show(const struct names *names, size_t i, struct text *out);

void names_release(struct names *names);
