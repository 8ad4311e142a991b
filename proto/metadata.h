/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program has told of a message: keys and values, each with a NUL behind it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether it is "PLUGIN/LABEL", and not one of our own labels. */
bool metadata_is_key(const char *key);

/* Octets of a pair. */
size_t metadata_size(const char *key, const char *value);

/* The last value of the key, as `size` octets may have several; NULL: none. The
 * octets may be anybody's. */
const char *metadata_find(const char *octets, size_t size, const char *key,
			  size_t key_size);
