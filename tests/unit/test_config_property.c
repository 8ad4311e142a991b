/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of properties: each row has an example here, which is printed as it was
 * read and leaves nothing in memory.
 */
#include <criterion/criterion.h>

#include "config/property.h"
#include "config_case.h"
#include "proto/common.h"

/* Of 40 octets, so that one which is not freed is noticed. */
#define LONG "0123456789012345678901234567890123456789"

/* None is what a tap has by default. */
static const struct example {
	const char *name, *socket, *words, *again;
} examples[] = {
	{ "identity", "/a", LONG "i", "i" },
	{ "version", "/a", LONG "v", "v" },
	{ "extra", "/a", LONG "e", "e" },
	{ "tls", "tls://h:1", LONG "c " LONG "k " LONG "a", "c k a" },
	{ "tls_servername", "tls://h:1", LONG "n", "n" },
	{ "skipverify", "tls://h:1", "", "" },
	{ "types", "/a", "client", "auth-query" },
	{ "role", "/a", "client", "auth" },
	{ "sample", "/a", "7", "8" },
	{ "anonymize", "/a", "24 48", "16 32" },
	{ "unidirectional", "/a", "", "" },
	{ "rotate", "file:///a", "1M 1h 3", "2M" },
	{ "timestamps", "file:///a", "", "" },
	{ "current", "file:///a", "", "" },
	{ "name", "/a", LONG ".x *.example.com", LONG ".y" },
	{ "qtype", "/a", "A AAAA TYPE65280", "MX" },
	{ "client", "/a", "192.0.2.0/24 2001:db8::/32", "10.0.0.0/8" },
	{ "rcode", "/a", "SERVFAIL 23", "REFUSED" },
	{ "rsize", "/a", "1232", "512" },
	{ "duration", "/a", "100ms", "2s" },
	{ "not", "/a", "name " LONG ".z", "duration 100us" },
};

Test(config_property, each_has_an_example)
{
	struct keywords rows = KEYWORDS_OF(examples);

	for (size_t i = 0; i < properties.count; i++)
		cr_expect_geq(keywords_find(rows, property_at(i)->name), 0,
			      "%s", property_at(i)->name);
}

/* They stand at the table's end. */
Test(config_property, choosing)
{
	cr_expect_str_eq(keywords_at(choosing, 0), "types");
	cr_expect_str_eq(keywords_at(choosing, choosing.count - 1), "not");
	cr_expect_eq(keywords_at(choosing, choosing.count - 1),
		     keywords_at(properties, properties.count - 1));
}

Test(config_property, each_is_printed)
{
	char text[512], without[64];

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		const struct example *row = &examples[i];

		snprintf(without, sizeof(without), "dnstap %s", row->socket);
		snprintf(text, sizeof(text), "%s { %s %s }", without, row->name,
			 row->words);
		case_expect_printed(text, without);
	}
}

/* Twice in a tap, the second time with other words. */
Test(config_property, nothing_is_left_in_memory)
{
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		const struct example *row = &examples[i];

		snprintf(text, sizeof(text), "dnstap %s {\n%s %s\n%s %s\n}",
			 row->socket, row->name, row->words, row->name,
			 row->again);
		case_expect_nothing_left(text);
	}
}
