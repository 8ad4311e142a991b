/* SPDX-License-Identifier: Apache-2.0
 *
 * The language: every form of a tap, as the structure that it stands for.
 */
#include <criterion/criterion.h>

#include "config_case.h"
#include "proto/common.h"

/* A tap as it is expected: what is 0 or NULL has its default. */
struct want {
	enum endpoint_kind kind;
	bool listen, full, unidirectional, skip_verify, timestamps, current;
	const char *socket, *address, *port;
	const char *identity, *version, *extra;
	const char *tls_cert, *tls_key, *tls_ca, *tls_servername;
	unsigned write_buffer, queue, types, sample;
	unsigned rotate_period, rotate_count;
	uint64_t rotate_size;
	enum tap_role role;
	unsigned anonymize_v4, anonymize_v6;
};

static bool same_flags(const struct tap_config *tap, const struct want *want)
{
	return tap->kind == want->kind && tap->listen == want->listen &&
	       tap->full == want->full &&
	       tap->unidirectional == want->unidirectional &&
	       tap->timestamps == want->timestamps &&
	       tap->current == want->current &&
	       tap->skip_verify == want->skip_verify && tap->role == want->role;
}

static bool same_numbers(const struct tap_config *tap, const struct want *want)
{
	return tap->write_buffer == (want->write_buffer ?: 1) &&
	       tap->queue == (want->queue ?: 1) &&
	       tap->types == (want->types ?: 0x7ffe) &&
	       tap->sample == (want->sample ?: 1) &&
	       tap->rotate_size == want->rotate_size &&
	       tap->rotate_period == want->rotate_period &&
	       tap->rotate_count == want->rotate_count &&
	       tap->anonymize_v4 == (want->anonymize_v4 ?: 32) &&
	       tap->anonymize_v6 == (want->anonymize_v6 ?: 128);
}

static bool same_texts(const struct tap_config *tap, const struct want *want)
{
	return case_same_text(tap->socket, want->socket) &&
	       case_same_text(tap->address, want->address) &&
	       case_same_text(tap->port, want->port) &&
	       case_same_text(tap->identity, want->identity ?: CASE_HOST) &&
	       case_same_text(tap->version, want->version ?: CASE_VERSION) &&
	       case_same_text(tap->extra, want->extra) &&
	       case_same_text(tap->tls_cert, want->tls_cert) &&
	       case_same_text(tap->tls_key, want->tls_key) &&
	       case_same_text(tap->tls_ca, want->tls_ca) &&
	       case_same_text(tap->tls_servername, want->tls_servername);
}

static void expect_taps(const char *text, const struct want *want, size_t n)
{
	struct config *config = case_load_text(text);
	char *printed = case_print(config);

	cr_expect_eq(config->n_taps, n, "%s", text);
	for (size_t i = 0; i < n && i < config->n_taps; i++)
		cr_expect(same_flags(&config->taps[i], &want[i]) &&
				  same_numbers(&config->taps[i], &want[i]) &&
				  same_texts(&config->taps[i], &want[i]),
			  "tap %zu of: %s\nis:\n%s", i, text, printed);
	free(printed);
	config_free(config);
}

#define EXPECT(text, ...)                                    \
	do {                                                 \
		const struct want want_[] = { __VA_ARGS__ }; \
		expect_taps(text, want_, ARRAY_SIZE(want_)); \
	} while (0)

#define UNIX(path, ...)                                      \
	{                                                    \
		.socket = path, .address = path, __VA_ARGS__ \
	}
#define URL(scheme, uri, host, number, ...)                                \
	{                                                                  \
		.kind = ENDPOINT_##scheme, .socket = uri, .address = host, \
		.port = number, __VA_ARGS__                                \
	}
#define FILE_AT(path, ...)                                       \
	{                                                        \
		.kind = ENDPOINT_FILE, .socket = "file://" path, \
		.address = path, __VA_ARGS__                     \
	}
#define SOCK "/tmp/dnstap.sock"
#define CERT_KEY                                \
	.tls_cert = "/path/to/server-cert.pem", \
	.tls_key = "/path/to/server-key.pem"

/* The examples of the README of CoreDNS's plugin, word for word. */
Test(config, coredns_readme)
{
	EXPECT("dnstap /tmp/dnstap.sock\n", UNIX(SOCK));
	EXPECT("dnstap /tmp/dnstap.sock full 1024 2048\n",
	       UNIX(SOCK, .full = true, .write_buffer = 1024, .queue = 2048));
	EXPECT("dnstap unix:///tmp/dnstap.sock full\n",
	       URL(UNIX, "unix:///tmp/dnstap.sock", SOCK, NULL, .full = true));
	EXPECT("dnstap tcp://127.0.0.1:6000 full\n",
	       URL(TCP, "tcp://127.0.0.1:6000", "127.0.0.1", "6000",
		   .full = true));
	EXPECT("dnstap tcp://example.com:6000 full\n",
	       URL(TCP, "tcp://example.com:6000", "example.com", "6000",
		   .full = true));
	EXPECT("dnstap /tmp/dnstap.sock {\n"
	       "  identity my-dns-server1\n"
	       "  version MyDNSServer-1.2.3\n"
	       "}\n",
	       UNIX(SOCK, .identity = "my-dns-server1",
		    .version = "MyDNSServer-1.2.3"));
	EXPECT("dnstap /tmp/dnstap.sock {\n"
	       "  extra \"upstream: {/forward/upstream}\"\n"
	       "}\n",
	       UNIX(SOCK, .extra = "upstream: {/forward/upstream}"));
	EXPECT("dnstap tls://127.0.0.1:6000 full {\n"
	       "  skipverify\n"
	       "}\n",
	       URL(TLS, "tls://127.0.0.1:6000", "127.0.0.1", "6000",
		   .full = true, .skip_verify = true));
}

Test(config, coredns_readme_listeners)
{
	EXPECT("dnstap listen /tmp/dnstap.sock full\n",
	       UNIX(SOCK, .full = true, .listen = true));
	EXPECT("dnstap listen tcp://127.0.0.1:6000 full\n",
	       URL(TCP, "tcp://127.0.0.1:6000", "127.0.0.1", "6000",
		   .full = true, .listen = true));
	EXPECT("dnstap listen tls://127.0.0.1:6000 full {\n"
	       "  tls /path/to/server-cert.pem /path/to/server-key.pem "
	       "/path/to/ca.pem\n"
	       "}\n",
	       URL(TLS, "tls://127.0.0.1:6000", "127.0.0.1", "6000",
		   .full = true, .listen = true, CERT_KEY,
		   .tls_ca = "/path/to/ca.pem"));
	EXPECT("dnstap listen tls://127.0.0.1:6000 full {\n"
	       "  tls /path/to/server-cert.pem /path/to/server-key.pem\n"
	       "  skipverify\n"
	       "}\n",
	       URL(TLS, "tls://127.0.0.1:6000", "127.0.0.1", "6000",
		   .full = true, .listen = true, CERT_KEY,
		   .skip_verify = true));
}

Test(config, coredns_readme_several)
{
	EXPECT("dnstap /tmp/dnstap.sock full\n"
	       "dnstap tcp://example.com:6000\n",
	       UNIX(SOCK, .full = true),
	       URL(TCP, "tcp://example.com:6000", "example.com", "6000"));
	EXPECT("dnstap tcp://remote-collector.example.com:6000 full\n"
	       "dnstap listen tcp://127.0.0.1:6001 full\n",
	       URL(TCP, "tcp://remote-collector.example.com:6000",
		   "remote-collector.example.com", "6000", .full = true),
	       URL(TCP, "tcp://127.0.0.1:6001", "127.0.0.1", "6001",
		   .full = true, .listen = true));
}

/* Whatever CoreDNS takes, if only by the way it reads a Corefile. */
Test(config, as_a_corefile)
{
	EXPECT("dnstap dnstap.sock", UNIX("dnstap.sock"));
	EXPECT("dnstap sock", UNIX("sock"));
	EXPECT("dnstap @abstract", UNIX("@abstract"));
	EXPECT("dnstap a { }", UNIX("a"));
	EXPECT("dnstap a { identity x version y skipverify }",
	       UNIX("a", .identity = "x", .version = "y", .skip_verify = true));
	EXPECT("dnstap a { identity x\nidentity y\n}",
	       UNIX("a", .identity = "y"));
	EXPECT("dnstap a { } dnstap b {\n}\ndnstap c", UNIX("a"), UNIX("b"),
	       UNIX("c"));
	EXPECT("dnstap a\rb", UNIX("ab"));
	EXPECT("dnstap a\r\ndnstap b full\r\n", UNIX("a"),
	       UNIX("b", .full = true));
	EXPECT("\xef\xbb\xbf"
	       "dnstap a",
	       UNIX("a"));
	EXPECT("dnstap\xc2\xa0"
	       "a",
	       UNIX("a"));
	EXPECT("dnstap a {\nextra {type}{/a/b}\n}",
	       UNIX("a", .extra = "{type}{/a/b}"));
	EXPECT("dnstap a { identity \"\" }", UNIX("a", .identity = ""));
	EXPECT("dnstap a { extra \"say \\\"x\\\" \\n \\\\ #;\" }",
	       UNIX("a", .extra = "say \"x\" \\n \\\\ #;"));
	EXPECT("dnstap a { extra C:\\x\\ }", UNIX("a", .extra = "C:\\x\\"));
	EXPECT("dnstap a { extra a\"b\" }", UNIX("a", .extra = "a\"b\""));
	EXPECT("dnstap a { extra \"two\nlines\" }",
	       UNIX("a", .extra = "two\nlines"));
	EXPECT("# dnstap x\ndnstap a#b {\n# }", UNIX("a"));
	EXPECT("dnstap a full 001 02", UNIX("a", .full = true, .queue = 2));
}

Test(config, shorter_than_a_corefile)
{
	EXPECT("", );
	EXPECT(" \n;;\n# nothing", );
	EXPECT("/a", UNIX("/a"));
	EXPECT("a.sock full", UNIX("a.sock", .full = true));
	EXPECT("/a full; /b; dnstap /c\n;listen /d", UNIX("/a", .full = true),
	       UNIX("/b"), UNIX("/c"), UNIX("/d", .listen = true));
	EXPECT("/a { identity x; version y; }; /b",
	       UNIX("/a", .identity = "x", .version = "y"), UNIX("/b"));
	EXPECT("/a {;;\n;types client;}", UNIX("/a", .types = 0x60));
	EXPECT("\"/a b\" full", UNIX("/a b", .full = true));
}

Test(config, several_taps_on_one_collector)
{
	EXPECT("/a full;/a", UNIX("/a", .full = true), UNIX("/a"));
	cr_expect_not(case_refused("tcp://h:1; tcp://h:1; listen tcp://h:1"));
	cr_expect_not(case_refused("listen tcp://h:1; listen tcp://h:2"));
	cr_expect_not(case_refused("file:///a; file:///b; /a; listen /a"));
	cr_expect(case_refused("listen /a; listen unix:///a"));
	cr_expect(case_refused("listen tcp://:1; /a; listen tcp://:01"));
}

/* Anything that a unix socket's address can hold. */
Test(config, longest_path)
{
	char path[109] = "/";

	memset(path + 1, 'a', 107);
	cr_expect(case_refused(path));
	path[107] = '\0';
	EXPECT(path, UNIX(path));
}

Test(config, sockets)
{
	EXPECT("tcp://[::1]:6000", URL(TCP, "tcp://[::1]:6000", "::1", "6000"));
	EXPECT("tcp://[fe80::1%eth0]:1",
	       URL(TCP, "tcp://[fe80::1%eth0]:1", "fe80::1%eth0", "1"));
	EXPECT("tcp://[fe80::1%25eth0]:1",
	       URL(TCP, "tcp://[fe80::1%25eth0]:1", "fe80::1%eth0", "1"));
	EXPECT("tls://a-b.example.:65535/",
	       URL(TLS, "tls://a-b.example.:65535/", "a-b.example.", "65535"));
	EXPECT("tcp://:06000", URL(TCP, "tcp://:06000", "", "6000"));
	EXPECT("unix://@a", URL(UNIX, "unix://@a", "@a", NULL));
	EXPECT("unix://a", URL(UNIX, "unix://a", "a", NULL));
	EXPECT("file:///a full 1 2; /b",
	       FILE_AT("/a", .full = true, .queue = 2), UNIX("/b"));
	EXPECT("file:///a", URL(FILE, "file:///a", "/a", NULL));
}

Test(config, properties)
{
	EXPECT("/a { types client-query auth update-response }",
	       UNIX("/a", .types = 1 << 5 | 1 << 1 | 1 << 2 | 1 << 14));
	EXPECT("/a { types resolver forwarder }", UNIX("/a", .types = 0x198));
	EXPECT("/a { role client }", UNIX("/a", .role = ROLE_CLIENT));
	EXPECT("/a { role auth sample 100 unidirectional }",
	       UNIX("/a", .role = ROLE_AUTH, .sample = 100,
		    .unidirectional = true));
	EXPECT("/a { anonymize 24 48 skipverify }",
	       UNIX("/a", .anonymize_v4 = 24, .anonymize_v6 = 48,
		    .skip_verify = true));
	EXPECT("file:///a { rotate 64K }", FILE_AT("/a", .rotate_size = 65536));
	EXPECT("file:///a { rotate 1G 7 }",
	       FILE_AT("/a", .rotate_size = 1 << 30, .rotate_count = 7));
}

Test(config, rotation)
{
	EXPECT("file:///a { rotate 1h }", FILE_AT("/a", .rotate_period = 3600));
	EXPECT("file:///a { rotate 90s 7 }",
	       FILE_AT("/a", .rotate_period = 90, .rotate_count = 7));
	EXPECT("file:///a { rotate 64K 24h 7 }",
	       FILE_AT("/a", .rotate_size = 65536, .rotate_period = 86400,
		       .rotate_count = 7));
	EXPECT("file:///a { timestamps current }",
	       FILE_AT("/a", .timestamps = true, .current = true));
	EXPECT("file:///a {\nrotate 64K 15min 7\nrotate 60min\n}",
	       FILE_AT("/a", .rotate_period = 3600));
}

#define TLS(...) URL(TLS, "tls://h:1", "h", "1", __VA_ARGS__)

Test(config, tls)
{
	EXPECT("tls://h:1 {\ntls\n}", TLS());
	EXPECT("tls://h:1 {\ntls ca\n}", TLS(.tls_ca = "ca"));
	EXPECT("tls://h:1 {\ntls c k\n}", TLS(.tls_cert = "c", .tls_key = "k"));
	EXPECT("tls://h:1 {\ntls c k ca; tls_servername n\n}",
	       TLS(.tls_cert = "c", .tls_key = "k", .tls_ca = "ca",
		   .tls_servername = "n"));
	EXPECT("tls://h:1 {\ntls c k ca\ntls\n}", TLS());
	cr_expect(case_refused("tls://:1"));
	cr_expect_not(case_refused("tls://:1 { skipverify }"));
	cr_expect_not(case_refused("tls://:1 { tls_servername n }"));
}

static void expect_words(const struct filter_side *side, enum filter_key key,
			 const char *words)
{
	char all[1024] = "", word[FILTER_WORD_MAX];

	for (size_t i = 0; filter_word(side, key, i, word); i++) {
		strcat(all, i ? " " : "");
		strcat(all, word);
	}
	cr_expect_str_eq(all, words);
}

Test(config, filters_add_up)
{
	struct config *config = case_load_text(
		"dnstap a { name a b\nqtype A\nname b c; not name x.a\n"
		"not name y.a; rsize 5; rsize 6; not rcode 0 }");
	const struct filter *filter = &config->taps[0].filter;

	expect_words(&filter->only, FILTER_NAME, "a. b. c.");
	expect_words(&filter->only, FILTER_QTYPE, "A");
	expect_words(&filter->only, FILTER_RSIZE, "6");
	expect_words(&filter->only, FILTER_RCODE, "");
	expect_words(&filter->except, FILTER_NAME, "x.a. y.a.");
	expect_words(&filter->except, FILTER_RCODE, "NOERROR");
	config_free(config);
}

/* More words than a line may have are written on several. */
Test(config, filters_of_many_words)
{
	char text[4096] = "dnstap a {", *end = text + strlen(text);
	struct config *config, *again;
	char *printed;

	for (int i = 0; i < 100; i++)
		end += sprintf(end, "\nname n%d\nnot name m%d", i, i);
	strcpy(end, "\n}");
	config = case_load_text(text);
	printed = case_print(config);
	again = case_load_text(printed);
	cr_expect(case_same(config, again), "%s", printed);
	free(printed);
	config_free(again);
	config_free(config);
}

static struct config_error *choose(struct tap_config *tap, const char *text)
{
	struct config_error *errors = NULL;

	config_choice_init(tap);
	cr_expect_eq(config_choice_read(text, "-f", tap, &errors),
		     errors ? -EINVAL : 0);
	return errors;
}

/* What a tap's braces choose by, alone. */
Test(config, choice)
{
	static const struct {
		const char *text, *error;
	} wrong[] = {
		{ "name a; rcode NXDOMIAN",
		  "-f:1:15: \"NXDOMIAN\": expected an RCODE such as NXDOMAIN, "
		  "or a number up to 4095" },
		{ "nam a", "-f:1:1: \"nam\": expected what chooses messages; "
			   "did you mean \"name\"?" },
		{ "identity a",
		  "-f:1:1: \"identity\": expected what chooses messages: types, "
		  "name, qtype, client, rcode, rsize, duration or not" },
		{ "rsize 5 rcode 3 } x", "-f:1:19: \"x\": expected what" },
		{ "rsize 5 12",
		  "-f:1:9: \"12\": expected a \";\" or the end after" },
	};
	struct config_error *errors;
	struct tap_config tap;

	cr_expect(!choose(&tap, "types client; name a\nnot qtype ANY"));
	cr_expect_eq(tap.types, 0x60);
	expect_words(&tap.filter.only, FILTER_NAME, "a.");
	expect_words(&tap.filter.except, FILTER_QTYPE, "ANY");
	config_choice_free(&tap);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		errors = choose(&tap, wrong[i].text);
		cr_assert(errors, "%s", wrong[i].text);
		cr_expect(!strncmp(errors->text, wrong[i].error,
				   strlen(wrong[i].error)),
			  "%s", errors->text);
		config_errors_free(errors);
		config_choice_free(&tap);
	}
}
