/* SPDX-License-Identifier: Apache-2.0
 *
 * Choosing messages: by type, by role, one in so many; and what is masked.
 */
#include "config/selection.h"

#include "config/value.h"
#include "proto/common.h"

/* Dnstap.Message.Type: queries are odd, each response follows its query. */
#define QUERY(type)    (UINT32_C(1) << (type))
#define RESPONSE(type) (UINT32_C(1) << ((type) + 1))
#define BOTH(type)     (QUERY(type) | RESPONSE(type))

#define AUTH      1
#define RESOLVER  3
#define CLIENT    5
#define FORWARDER 7
#define STUB      9
#define TOOL      11
#define UPDATE    13

const uint32_t selection_all_types = BOTH(AUTH) | BOTH(RESOLVER) |
				     BOTH(CLIENT) | BOTH(FORWARDER) |
				     BOTH(STUB) | BOTH(TOOL) | BOTH(UPDATE);

const uint32_t selection_response_types = RESPONSE(AUTH) | RESPONSE(RESOLVER) |
					  RESPONSE(CLIENT) |
					  RESPONSE(FORWARDER) | RESPONSE(STUB) |
					  RESPONSE(TOOL) | RESPONSE(UPDATE);

static const struct type_name {
	const char *name;
	uint32_t types;
} type_names[] = {
	{ "client", BOTH(CLIENT) },
	{ "client-query", QUERY(CLIENT) },
	{ "client-response", RESPONSE(CLIENT) },
	{ "auth", BOTH(AUTH) },
	{ "auth-query", QUERY(AUTH) },
	{ "auth-response", RESPONSE(AUTH) },
	{ "resolver", BOTH(RESOLVER) },
	{ "resolver-query", QUERY(RESOLVER) },
	{ "resolver-response", RESPONSE(RESOLVER) },
	{ "forwarder", BOTH(FORWARDER) },
	{ "forwarder-query", QUERY(FORWARDER) },
	{ "forwarder-response", RESPONSE(FORWARDER) },
	{ "stub", BOTH(STUB) },
	{ "stub-query", QUERY(STUB) },
	{ "stub-response", RESPONSE(STUB) },
	{ "tool", BOTH(TOOL) },
	{ "tool-query", QUERY(TOOL) },
	{ "tool-response", RESPONSE(TOOL) },
	{ "update", BOTH(UPDATE) },
	{ "update-query", QUERY(UPDATE) },
	{ "update-response", RESPONSE(UPDATE) },
};

void selection_set_types(void *field, const struct words *words,
			 struct errors *errors)
{
	uint32_t *types = field, chosen = 0;
	unsigned before = errors->count;

	for (unsigned i = 0; i < words->count; i++) {
		const struct token *word = &words->word[i];
		int row = keywords_find(KEYWORDS_OF(type_names), word->text);

		if (row >= 0)
			chosen |= type_names[row].types;
		else
			errors_add_unknown(errors, word, "a type of message",
					   KEYWORDS_OF(type_names));
	}
	if (errors->count == before)
		*types = chosen;
}

void selection_show_types(const void *field, FILE *out)
{
	uint32_t left = *(const uint32_t *)field;

	for (size_t i = 0; i < ARRAY_SIZE(type_names); i++) {
		const struct type_name *row = &type_names[i];

		if ((left & row->types) != row->types)
			continue;
		fprintf(out, " %s", row->name);
		left &= ~row->types;
	}
}

static const struct role_name {
	const char *name;
	enum tap_role role;
	uint32_t impossible;
} role_names[] = {
	{ "auto", ROLE_AUTO, 0 },
	{ "client", ROLE_CLIENT, BOTH(AUTH) },
	{ "auth", ROLE_AUTH, BOTH(CLIENT) },
};

void selection_set_role(void *field, const struct words *words,
			struct errors *errors)
{
	int row = keywords_find(KEYWORDS_OF(role_names), words->word[0].text);
	enum tap_role *role = field;

	if (row >= 0)
		*role = role_names[row].role;
	else
		errors_add_unknown(errors, &words->word[0], "a role",
				   KEYWORDS_OF(role_names));
}

static const struct role_name *role_row(enum tap_role role)
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(role_names) && role_names[i].role != role)
		i++;
	return &role_names[i];
}

void selection_show_role(const void *field, FILE *out)
{
	fprintf(out, " %s", role_row(*(const enum tap_role *)field)->name);
}

uint32_t selection_possible_types(enum tap_role role)
{
	return selection_all_types & ~role_row(role)->impossible;
}

void selection_set_sample(void *field, const struct words *words,
			  struct errors *errors)
{
	static const struct range range = { "a number", 1, CONFIG_SAMPLE_MAX };
	unsigned *sample = field;
	uint64_t n;

	if (value_number(&words->word[0], range, &n, errors))
		*sample = (unsigned)n;
}

void selection_show_sample(const void *field, FILE *out)
{
	fprintf(out, " %u", *(const unsigned *)field);
}

void selection_set_anonymize(void *field, const struct words *words,
			     struct errors *errors)
{
	static const struct range v4 = { "a number of bits", 0, 32 };
	static const struct range v6 = { "a number of bits", 0, 128 };
	struct tap_config *tap = field;
	uint64_t bits;

	if (value_number(&words->word[0], v4, &bits, errors))
		tap->anonymize_v4 = (uint8_t)bits;
	if (value_number(&words->word[1], v6, &bits, errors))
		tap->anonymize_v6 = (uint8_t)bits;
}

void selection_show_anonymize(const void *field, FILE *out)
{
	const struct tap_config *tap = field;

	fprintf(out, " %u %u", tap->anonymize_v4, tap->anonymize_v6);
}
