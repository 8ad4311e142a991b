/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash table of names in lower case. The hash goes from the last label to the
 * first, so that one walk over a name has the hashes of all that it lies below.
 */
#include "proto/filter/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/dns.h"
#include "proto/text.h"

#define LABEL_MAX  63
#define LABELS_MAX (DNS_NAME_SIZE / 2)
#define SLOTS_MIN  16

/* FNV-1a. */
#define HASH_BASIS UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

struct name {
	uint64_t hash;
	bool below; /* what lies below it, not itself */
	uint8_t size;
	uint8_t wire[]; /* in lower case */
};

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* A name cut into its labels, in lower case. */
struct labels {
	uint8_t wire[DNS_NAME_SIZE];
	uint8_t at[LABELS_MAX]; /* where each begins */
	size_t size, count;
};

static void cut(struct labels *labels, const uint8_t *name, size_t size)
{
	labels->size = size;
	labels->count = 0;
	for (size_t i = 0; i < size; i++)
		labels->wire[i] = lower(name[i]);
	for (size_t i = 0; i < size && name[i]; i += name[i] + 1)
		labels->at[labels->count++] = i;
}

/* Goes on from the label behind it. */
static uint64_t hash_label(uint64_t hash, const uint8_t *label)
{
	for (size_t i = 0; i <= label[0]; i++)
		hash = (hash ^ label[i]) * HASH_PRIME;
	return hash;
}

/* The slot of what is equal, or the free one where it belongs. */
static struct name **slot_of(const struct names *names, const struct name *like,
			     const uint8_t *wire)
{
	size_t mask = names->slots - 1, i = (like->hash >> 32) & mask;

	for (;; i = (i + 1) & mask) {
		struct name *name = names->table[i];

		if (!name ||
		    (name->hash == like->hash && name->below == like->below &&
		     name->size == like->size &&
		     !memcmp(name->wire, wire, name->size)))
			return &names->table[i];
	}
}

static bool has(const struct names *names, uint64_t hash, bool below,
		const uint8_t *wire, size_t size)
{
	const struct name like = { .hash = hash, .below = below, .size = size };

	return *slot_of(names, &like, wire);
}

bool names_have(const struct names *names, const uint8_t *name, size_t size)
{
	struct labels labels;
	uint64_t hash = HASH_BASIS;

	if (!names->count)
		return false;
	cut(&labels, name, size);
	if (has(names, hash, labels.count > 0, (const uint8_t *)"", 1))
		return true;
	for (size_t i = labels.count; i-- > 0;) {
		size_t at = labels.at[i];

		hash = hash_label(hash, labels.wire + at);
		if (has(names, hash, i > 0, labels.wire + at, labels.size - at))
			return true;
	}
	return false;
}

/* Reading */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What the backslash at **at stands before: \DDD or \X. Returns -1 if that is
 * nothing. */
static int read_escape(const char **at)
{
	const char *p = *at + 1;
	int octet;

	if (!is_digit(p[0])) {
		*at += 2;
		return p[0] > ' ' && p[0] < 0x7f ? p[0] : -1;
	}
	if (!is_digit(p[1]) || !is_digit(p[2]))
		return -1;
	octet = (p[0] - '0') * 100 + (p[1] - '0') * 10 + p[2] - '0';
	*at += 4;
	return octet < 256 ? octet : -1;
}

static int read_octet(const char **at)
{
	uint8_t c = **at;

	if (c == '\\')
		return read_escape(at);
	++*at;
	return c > ' ' && c < 0x7f ? c : -1;
}

/* One label, up to a dot or the end. Returns its octets, or 0. */
static size_t read_label(const char **at, uint8_t label[LABEL_MAX])
{
	size_t size = 0;

	while (**at && **at != '.') {
		int octet = read_octet(at);

		if (octet < 0 || size == LABEL_MAX)
			return 0;
		label[size++] = lower(octet);
	}
	return size;
}

/* Returns the size in wire format, or 0. */
static size_t read_name(const char *text, uint8_t wire[DNS_NAME_SIZE])
{
	uint8_t label[LABEL_MAX];
	size_t used = 0;

	if (!strcmp(text, "."))
		text = "";
	else if (!*text || !strcmp(text, "*"))
		return 0;
	while (*text) {
		size_t size = read_label(&text, label);

		if (!size || used + 1 + size + 1 > DNS_NAME_SIZE)
			return 0;
		wire[used++] = size;
		memcpy(wire + used, label, size);
		used += size;
		text += *text == '.';
	}
	wire[used++] = 0;
	return used;
}

static struct name *make_name(const char *text)
{
	bool below = text[0] == '*' && text[1] == '.';
	uint8_t wire[DNS_NAME_SIZE];
	struct labels labels;
	struct name *name;

	if (below)
		text += text[2] ? 2 : 1; /* "*." is what is below the root */
	size_t size = read_name(text, wire);
	errno = EINVAL;
	name = size ? malloc(sizeof(*name) + size) : NULL;
	if (!name)
		return NULL;
	*name = (struct name){ HASH_BASIS, below, size };
	memcpy(name->wire, wire, size);
	cut(&labels, wire, size);
	for (size_t i = labels.count; i-- > 0;)
		name->hash = hash_label(name->hash, wire + labels.at[i]);
	return name;
}

static int grow(struct names *names)
{
	size_t slots = names->slots ? names->slots * 2 : SLOTS_MIN;
	struct name **list = reallocarray(names->list, slots, sizeof(*list));
	struct name **table;

	if (!list)
		return -ENOMEM;
	names->list = list;
	table = calloc(slots, sizeof(*table));
	if (!table)
		return -ENOMEM;
	free(names->table);
	names->table = table;
	names->slots = slots;
	for (size_t i = 0; i < names->count; i++)
		*slot_of(names, list[i], list[i]->wire) = list[i];
	return 0;
}

int names_add(struct names *names, const char *text)
{
	struct name *name = make_name(text), **slot;

	if (!name)
		return -errno;
	if (names->count * 2 >= names->slots && grow(names)) {
		free(name);
		return -ENOMEM;
	}
	slot = slot_of(names, name, name->wire);
	if (*slot) {
		free(name);
		return 0;
	}
	*slot = names->list[names->count++] = name;
	return 0;
}

static bool is_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || is_digit((char)c) || c == '-' ||
	       c == '_';
}

static void show_octet(uint8_t c, struct text *out)
{
	const char escaped[] = { '\\', '0' + c / 100, '0' + c / 10 % 10,
				 '0' + c % 10 };

	if (is_plain(c))
		text_add(out, (const char *)&c, 1);
	else
		text_add(out, escaped, sizeof(escaped));
}

void names_show(const struct names *names, size_t i, struct text *out)
{
	const struct name *name = names->list[i];
	const uint8_t *label = name->wire;

	if (name->below)
		text_add_string(out, "*.");
	else if (name->size == 1)
		text_add_string(out, ".");
	for (; *label; label += *label + 1) {
		for (size_t k = 1; k <= *label; k++)
			show_octet(label[k], out);
		text_add_string(out, ".");
	}
}

void names_release(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
	free(names->table);
	*names = (struct names){ 0 };
}
