/* SPDX-License-Identifier: Apache-2.0
 *
 * A walk over strings.
 */
#include "proto/metadata.h"

#include <string.h>

bool metadata_is_key(const char *key)
{
	const char *slash = strchr(key, '/');

	return slash && slash != key && key[strlen(key) - 1] != '/' &&
	       !strpbrk(key, "{}") && strncmp(key, "shim/", 5) != 0;
}

size_t metadata_size(const char *key, const char *value)
{
	return strlen(key) + strlen(value) + 2;
}

/* The string behind this one, or NULL: there is none. */
static const char *next(const char *string, const char *end)
{
	const char *nul = string < end ? memchr(string, 0, end - string) : NULL;

	return nul ? nul + 1 : NULL;
}

const char *metadata_find(const char *octets, size_t size, const char *key,
			  size_t key_size)
{
	const char *end = octets + size, *found = NULL, *value, *behind;

	for (; (value = next(octets, end)) && (behind = next(value, end));
	     octets = behind)
		if ((size_t)(value - octets) == key_size + 1 &&
		    memcmp(octets, key, key_size) == 0)
			found = value;
	return found;
}
