/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the settings come from: environment, text, file; and which goes first.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config_case.h"

static const char *lookup(const char *name)
{
	return strcmp(name, "HOME") == 0 ? "/home/x y" : NULL;
}

/* References to the environment, as in a Corefile. */
Test(config, references)
{
	struct config_env env = case_env("/{$HOME}/{%HOME%}/{$NONE}a {\n"
					 "extra {${$HOME}%}{$}{%%}{$x\n}");
	struct config *config;

	config = case_load(&env);
	cr_expect_str_eq(config->taps[0].address, "/{$HOME}/{%HOME%}/{$NONE}a");
	config_free(config);
	env.lookup = lookup;
	config = case_load(&env);
	cr_expect_str_eq(config->taps[0].address, "//home/x y//home/x y/a");
	cr_expect_str_eq(config->taps[0].extra, "%}{$}{%%}{$x");
	config_free(config);
}

Test(config, precedence)
{
	struct config_env env = case_env("/a;/b { identity tap; extra \"\" }");
	struct config *config;

	env.identity = env.version = env.extra = "environment";
	config = case_load(&env);
	cr_expect_str_eq(config->taps[0].identity, "environment");
	cr_expect_str_eq(config->taps[0].version, "environment");
	cr_expect_str_eq(config->taps[0].extra, "environment");
	cr_expect_str_eq(config->taps[1].identity, "tap");
	cr_expect_null(config->taps[1].extra);
	config_free(config);

	env.config = "/a;/b { identity tap };identity text;extra \"\"";
	config = case_load(&env);
	cr_expect_str_eq(config->taps[0].identity, "text");
	cr_expect_null(config->taps[0].extra);
	cr_expect_str_eq(config->taps[1].identity, "tap");
	cr_expect_str_eq(config->taps[1].version, "environment");
	config_free(config);

	env.identity = env.version = env.extra = "";
	env.config = "/a";
	config = case_load(&env);
	cr_expect_str_eq(config->taps[0].identity, CASE_HOST);
	cr_expect_str_eq(config->taps[0].version, CASE_VERSION);
	cr_expect_null(config->taps[0].extra);
	config_free(config);
}

/* What the host is called may be anything at all. */
Test(config, defaults_are_made_plain)
{
	struct config_env env = case_env("/a");
	struct config *config;
	char longest[300];

	memset(longest, 'x', sizeof(longest));
	longest[299] = '\0';
	env.host_name = "a b\\\"\xff{$c}";
	env.program = longest;
	config = case_load(&env);
	cr_expect_str_eq(config->taps[0].identity, "a_b____$c}");
	cr_expect_eq(strlen(config->taps[0].version),
		     64 + strlen(CASE_VERSION) - 5);
	config_free(config);

	env.host_name = env.program = NULL;
	config = case_load(&env);
	cr_expect_str_eq(config->taps[0].identity, "");
	cr_expect_str_eq(config->taps[0].version,
			 strchr(CASE_VERSION, ' ') + 1);
	config_free(config);
}

static unsigned count_ports(const struct config *config)
{
	unsigned n = 0;

	for (unsigned port = 0; port <= 65535; port++)
		n += config_has_port(config->ports, (uint16_t)port);
	return n;
}

Test(config, ports)
{
	struct config_env env = case_env("");
	struct config *config = case_load(&env);

	cr_expect(config_has_port(config->ports, 53) &&
		  count_ports(config) == 1);
	config_free(config);

	env.ports = "5353, 65535,5400-5409 ";
	config = case_load(&env);
	cr_expect(config_has_port(config->ports, 5353) &&
		  config_has_port(config->ports, 65535));
	cr_expect(config_has_port(config->ports, 5409) &&
		  count_ports(config) == 12);
	config_free(config);

	env.config = "ports 1, 2,3";
	config = case_load(&env);
	cr_expect(config_has_port(config->ports, 2) &&
		  count_ports(config) == 3);
	config_free(config);

	cr_expect(case_refused("ports ,"));
	cr_expect(case_refused("ports 53-"));
	cr_expect(case_refused("ports 54-53"));
	cr_expect(case_refused("ports 18446744073709551669"));
}

/* The words that are printed, whatever was said. */
static void expect_proxies(const struct config_env *env, const char *words)
{
	struct config *config = case_load(env);
	char line[256], *printed = case_print(config);

	snprintf(line, sizeof(line), "\nproxies %s\n", words);
	cr_expect(strstr(printed, line), "%s: %s", words, printed);
	free(printed);
	config_free(config);
}

Test(config, proxies)
{
	struct config_env env = case_env("");

	expect_proxies(&env, "any");
	env.proxies = "192.0.2.0/24, 2001:db8::1 ::ffff:198.51.100.0/120";
	expect_proxies(&env, "192.0.2.0/24,2001:db8::1,198.51.100.0/24");
	env.config = "proxies none";
	expect_proxies(&env, "none");
	env.config = "proxies any";
	expect_proxies(&env, "any");
	env.config = "proxies ::/0 0.0.0.0/0,\t127.0.0.1/32";
	expect_proxies(&env, "::/0,0.0.0.0/0,127.0.0.1");
	env.proxies = "none";
	env.config = "";
	expect_proxies(&env, "none");
	cr_expect(case_refused("proxies"));
	cr_expect(case_refused("proxies ,"));
	cr_expect(case_refused("proxies 192.0.2.0/33"));
	cr_expect(case_refused("proxies localhost"));
}

/* Each tap knows them. */
Test(config, taps_have_the_proxies)
{
	struct config *config = case_load_text("/a;proxies none;/b");

	for (size_t i = 0; i < 2; i++)
		cr_expect_eq(config->taps[i].proxies, &config->proxies);
	config_free(config);
}

Test(config, log_and_metrics)
{
	struct config_env env = case_env("");
	struct config *config = case_load(&env);

	cr_expect(config->log == LOG_TARGET_STDERR && !config->metrics_path);
	config_free(config);

	env.log = "/var/log/x";
	env.metrics = "/run/%p";
	config = case_load(&env);
	cr_expect_eq(config->log, LOG_TARGET_FILE);
	cr_expect_str_eq(config->log_path, "/var/log/x");
	cr_expect_str_eq(config->metrics_path, "/run/%p");
	config_free(config);

	env.config = "log syslog; metrics off";
	config = case_load(&env);
	cr_expect(config->log == LOG_TARGET_SYSLOG && !config->log_path);
	cr_expect_null(config->metrics_path);
	config_free(config);

	env.config = "log off";
	config = case_load(&env);
	cr_expect(config->log == LOG_TARGET_OFF && config->metrics_path);
	config_free(config);
}

/* So many taps, the first of them on a unix socket. */
static void expect_taps(const char *text, size_t n, const char *address)
{
	struct config *config = case_load_text(text);

	cr_expect_eq(config->n_taps, n, "%s", text);
	if (config->n_taps > 0) {
		cr_expect_eq(config->taps[0].kind, ENDPOINT_UNIX);
		cr_expect_str_eq(config->taps[0].address, address);
	}
	config_free(config);
}

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	cr_assert(out);
	fputs(text, out);
	fclose(out);
}

static void listen_at(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

/* DNSTAP_CONFIG begins with a slash: a file, a tap, or neither? */
Test(config, file_or_tap)
{
	char directory[] = "/tmp/test_config.XXXXXX";
	char path[64], text[128];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/dnstap", directory);
	expect_taps(path, 1, path); /* nothing there */

	write_file(path, "ports 5353\ndnstap /a full # comment\n/b\n");
	expect_taps(path, 2, "/a");
	snprintf(text, sizeof(text), "%s full", path);
	expect_taps(text, 1, path);
	snprintf(text, sizeof(text), "unix://%s", path);
	expect_taps(text, 1, path);
	write_file(path, "");
	expect_taps(path, 0, NULL);

	unlink(path);
	listen_at(fd, path);
	expect_taps(path, 1, path);
	unlink(path);
	close(fd);
	cr_expect(case_refused(directory));
	cr_expect(case_refused("/dev/null"));
	cr_expect(case_refused("dnstapshim.conf"));
	cr_expect_not(case_refused("unix://dnstapshim.conf"));
	rmdir(directory);
}

Test(config, file_errors)
{
	char directory[] = "/tmp/test_config.XXXXXX";
	char path[64], text[256];
	struct config_env env = case_env(path);
	struct config_error *errors = NULL;
	struct config *config;

	cr_assert(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/a.conf", directory);
	cr_assert_eq(config_load(&env, &config, &errors), -EINVAL);
	snprintf(
		text, sizeof(text),
		"%s: expected a configuration file: No such file or directory; "
		"a unix socket of this name would be unix://%s",
		path, path);
	cr_expect_str_eq(errors->text, text);
	config_errors_free(errors);

	write_file(path, "\n  \t\xc3\xa4 x");
	cr_assert_eq(config_load(&env, &config, &errors), -EINVAL);
	snprintf(text, sizeof(text), "%s:2:4: ", path);
	cr_expect_eq(strncmp(errors->text, text, strlen(text)), 0, "%s",
		     errors->text);
	config_errors_free(errors);

	cr_assert_eq(truncate(path, CONFIG_TEXT_MAX), 0);
	cr_assert_eq(config_load(&env, &config, &errors), -EINVAL);
	config_errors_free(errors);
	cr_assert_eq(truncate(path, CONFIG_TEXT_MAX + 1), 0);
	cr_assert_eq(config_load(&env, &config, &errors), -EINVAL);
	snprintf(text, sizeof(text), "%s: expected at most 1 MiB", path);
	cr_expect_str_eq(errors->text, text);
	config_errors_free(errors);
	unlink(path);
	rmdir(directory);
}

Test(config, environment)
{
	struct config_env env;
	struct config *config;

	setenv("DNSTAP_CONFIG", "/a { extra {$DNSTAP_TEST} }", 1);
	setenv("DNSTAP_IDENTITY", "i", 1);
	setenv("DNSTAP_VERSION", "v", 1);
	setenv("DNSTAP_PORTS", "54", 1);
	setenv("DNSTAP_LOG", "off", 1);
	setenv("DNSTAP_METRICS", "/m", 1);
	setenv("DNSTAP_TEST", "t", 1);
	config_env_read(&env);
	cr_expect_str_not_empty(env.host_name);
	cr_expect_str_not_empty(env.program);
	config = case_load(&env);
	cr_expect_str_eq(config->taps[0].identity, "i");
	cr_expect_str_eq(config->taps[0].version, "v");
	cr_expect_str_eq(config->taps[0].extra, "t");
	cr_expect(config_has_port(config->ports, 54) &&
		  count_ports(config) == 1);
	cr_expect_eq(config->log, LOG_TARGET_OFF);
	cr_expect_str_eq(config->metrics_path, "/m");
	config_free(config);
}
