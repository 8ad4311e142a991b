/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of settings: each row has an example here, which is printed as it was
 * read and leaves nothing in memory.
 */
#include <criterion/criterion.h>

#include "config/setting.h"
#include "config_case.h"
#include "proto/common.h"

/* Of 40 octets, so that one which is not freed is noticed. */
#define LONG "0123456789012345678901234567890123456789"

/* None is what holds by default. */
static const struct example {
	const char *name, *words;
} examples[] = {
	{ "identity", LONG "i" },
	{ "version", LONG "v" },
	{ "extra", LONG "e" },
	{ "ports", "53,5353" },
	{ "log", "/" LONG },
	{ "metrics", "/" LONG },
	{ "recorder", "/" LONG },
	{ "tls_ports", "853,8853" },
	{ "proxies", "192.0.2.0/24,::1" },
};

Test(config_setting, each_has_an_example)
{
	struct keywords rows = KEYWORDS_OF(examples);

	for (size_t i = 0; i < settings_names.count; i++)
		cr_expect_geq(keywords_find(rows, setting_at(i)->name), 0, "%s",
			      setting_at(i)->name);
}

Test(config_setting, each_is_printed)
{
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		snprintf(text, sizeof(text), "%s %s\ndnstap /a",
			 examples[i].name, examples[i].words);
		case_expect_printed(text, "dnstap /a");
	}
}

Test(config_setting, nothing_is_left_in_memory)
{
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		snprintf(text, sizeof(text), "%s %s\ndnstap /a",
			 examples[i].name, examples[i].words);
		case_expect_nothing_left(text);
	}
}
