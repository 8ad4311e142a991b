/* SPDX-License-Identifier: Apache-2.0
 *
 * What is printed reads the same; and the annotated example.
 */
#include <criterion/criterion.h>

#include <ctype.h>

#include "config_case.h"
#include "proto/common.h"

static const char *lookup(const char *name)
{
	return strcmp(name, "HOME") == 0 ? "/home/x y" : NULL;
}

/* Whatever is printed reads the same, in any environment. */
static void expect_round_trip(const struct config *config)
{
	struct config_env env = case_env(NULL);
	struct config *again;
	char *text = case_print(config), *text_again;

	env.config = text;
	env.identity = env.version = env.extra = "other";
	env.ports = "1";
	env.proxies = "none";
	env.log = "off";
	env.metrics = "/other";
	env.lookup = lookup;
	again = case_load(&env);
	cr_expect(case_same(config, again), "%s", text);
	text_again = case_print(again);
	cr_expect_str_eq(text_again, text);
	free(text_again);
	free(text);
	config_free(again);
}

/* Random configurations, put together from pieces that go with any other. */
static const char *const sockets[] = {
	"/run/x",    "unix://@x y", "tcp://[::1]:1",
	"tls://:2",  "file:///x",   "listen tls://h:3",
	"listen @z", "\"a b\"",     "\"a;#\\\"b\"",
};
static const char *const arguments[] = { "", " full", " full 1 7", " full 1" };
static const char *const blocks[] = {
	"identity {$HOME}",
	"identity \"\"",
	"identity a\\",
	"identity {",
	"version \"a \\\"b\\\\ {x} \xc3\xa4\"",
	"version \"{\"",
	"extra \"\n\r\n\"",
	"extra }x",
	"extra \\\"",
	"types client-query auth-query update forwarder-response",
	"types resolver",
	"role auth",
	"sample 99",
	"name *.example.com \"a\\;b\"",
	"not name . a",
	"qtype any type65; not qtype MX",
	"client 2001:db8::/32; not client 0.0.0.0/0",
	"rsize 512; not duration 3ms",
	"not rcode noerror 23",
	"anonymize 0 128",
	"unidirectional",
};

static const char *pick(const char *const *from, size_t n, unsigned *seed)
{
	return from[(unsigned)rand_r(seed) % n];
}

#define PICK(from, seed) pick(from, ARRAY_SIZE(from), seed)

static const char *const rotations[] = { "rotate 1M 3\n", "rotate 1h\n",
					 "rotate 1M 600s 3\n" };

static void add_tap(FILE *out, unsigned *seed)
{
	const char *socket = PICK(sockets, seed);

	fprintf(out, "dnstap %s%s {\nskipverify\n", socket,
		PICK(arguments, seed));
	if (strncmp(socket, "listen tls", 10) == 0)
		fputs("tls \"c c\" k ca\n", out);
	if (strncmp(socket, "file", 4) == 0 && rand_r(seed) % 2)
		fputs(PICK(rotations, seed), out);
	for (unsigned n = (unsigned)rand_r(seed) % 6; n > 0; n--)
		fprintf(out, "%s\n", PICK(blocks, seed));
	fputs("}\n", out);
}

Test(config, round_trip)
{
	unsigned seed = 1, good = 0;

	for (unsigned i = 0; i < 5000; i++) {
		struct config_error *errors = NULL;
		struct config *config = NULL;
		struct config_env env = case_env(NULL);
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		for (unsigned n = (unsigned)rand_r(&seed) % 4; n > 0; n--)
			add_tap(out, &seed);
		fputs(rand_r(&seed) % 2 ? "ports 1-3,5,65535" : "log \"/a b\"",
		      out);
		fclose(out);
		env.config = text;
		env.lookup = lookup;
		if (config_load(&env, &config, &errors) == 0) {
			expect_round_trip(config);
			good++;
		}
		config_errors_free(errors);
		config_free(config);
		free(text);
	}
	cr_expect_gt(good, 2000);
}

/* The example, and each of its examples without the comment sign. */
Test(config, example)
{
	char line[256], text[16384] = "";
	FILE *in = fopen("config/dnstapshim.conf", "r");
	struct config *config;

	cr_assert(in, "run from the top of the tree");
	while (fgets(line, sizeof(line), in)) {
		bool tap = strncmp(line, "# dnstap ", 9) == 0 ||
			   strncmp(line, "#\t", 2) == 0 ||
			   strncmp(line, "# }", 3) == 0;
		bool setting = strncmp(line, "# ", 2) == 0 &&
			       strstr(line, "\t# ") && islower(line[2]);

		strcat(text, tap || setting ? line + 1 : line);
	}
	fclose(in);
	config = case_load_text(text);
	cr_expect_eq(config->n_taps, 7, "%s", text);
	cr_expect_str_eq(config->taps[0].identity, "ns1.example.net");
	cr_expect_str_eq(config->metrics_path, "/run/dnstap-%p.prom");
	cr_expect_eq(config->taps[5].filter.only.set,
		     (1 << FILTER_KEYS) - 1 - (1 << FILTER_RSIZE));
	cr_expect_eq(config->taps[6].types, 0x64);
	expect_round_trip(config);
	config_free(config);
}
