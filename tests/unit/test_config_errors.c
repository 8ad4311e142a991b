/* SPDX-License-Identifier: Apache-2.0
 *
 * Wrong configurations: the messages are those of golden/config_errors.txt.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "config_case.h"
#include "proto/common.h"

#define GOLDEN "tests/unit/golden/config_errors.txt"

static const struct {
	const char *prefix;
	size_t field;
} variables[] = {
	{ "DNSTAP_IDENTITY=", offsetof(struct config_env, identity) },
	{ "DNSTAP_PORTS=", offsetof(struct config_env, ports) },
	{ "DNSTAP_LOG=", offsetof(struct config_env, log) },
};

/* One case as it is read from the file. */
struct wrong {
	char text[4096];
	char values[3][256];
	struct config_env env;
};

static void begin(struct wrong *wrong)
{
	*wrong = (struct wrong){ .env = case_env(NULL) };
}

static void add_line(struct wrong *wrong, const char *line)
{
	for (size_t i = 0; i < 3; i++) {
		size_t size = strlen(variables[i].prefix);
		const char *value = wrong->values[i];

		if (strncmp(line, variables[i].prefix, size) != 0)
			continue;
		snprintf(wrong->values[i], sizeof(wrong->values[i]), "%.*s",
			 (int)strcspn(line + size, "\n"), line + size);
		memcpy((char *)&wrong->env + variables[i].field, &value,
		       sizeof(value));
		return;
	}
	strcat(wrong->text, line);
}

/* Writes the messages of the case that ends here. */
static void end(struct wrong *wrong, FILE *out)
{
	struct config_error *errors = NULL;
	struct config *config = NULL;
	int err;

	if (!wrong->env.host_name)
		return;
	wrong->env.config = wrong->text;
	err = config_load(&wrong->env, &config, &errors);
	cr_expect_eq(err, -EINVAL, "accepted: %s", wrong->text);
	for (struct config_error *e = errors; e; e = e->next)
		fprintf(out, "!! %s\n", e->text);
	config_errors_free(errors);
	config_free(config);
	wrong->env.host_name = NULL;
}

/* The golden file as it ought to be, from its own cases. */
static unsigned render(FILE *in, FILE *out)
{
	struct wrong wrong = { 0 };
	unsigned cases = 0;
	char line[4096];

	while (fgets(line, sizeof(line), in)) {
		if (strncmp(line, "!!", 2) == 0)
			continue;
		if (strncmp(line, "##", 2) == 0) {
			end(&wrong, out);
			begin(&wrong);
			cases++;
		} else if (cases > 0) {
			add_line(&wrong, line);
		}
		fputs(line, out);
	}
	end(&wrong, out);
	return cases;
}

static char *slurp(FILE *in)
{
	char *text = calloc(1, 1 << 20);

	rewind(in);
	cr_assert_lt(fread(text, 1, (1 << 20) - 1, in), (1 << 20) - 1);
	return text;
}

static void expect_same_lines(char *expected, char *found)
{
	char *a = strsep(&expected, "\n"), *b = strsep(&found, "\n");

	for (; a && b; a = strsep(&expected, "\n"), b = strsep(&found, "\n"))
		cr_assert_str_eq(b, a);
	cr_assert(!a && !b, "one text is longer");
}

Test(config_errors, golden)
{
	FILE *in = fopen(GOLDEN, "r");
	char *found = NULL, *expected;
	size_t size;
	FILE *out = open_memstream(&found, &size);

	cr_assert(in, "run from the top of the tree");
	cr_assert_geq(render(in, out), 40);
	fclose(out);
	expected = slurp(in);
	fclose(in);
	if (getenv("UPDATE_GOLDEN")) {
		out = fopen(GOLDEN, "w");
		fputs(found, out);
		fclose(out);
	}
	expect_same_lines(expected, found);
	free(expected);
	free(found);
}

/* A message never carries what it quotes raw to a terminal or a log. */
Test(config_errors, quoting)
{
	struct config_env env = case_env("dnstap \"/a\nb\" \x1b[31m\xff");
	struct config_error *errors = NULL;
	struct config *config;

	cr_assert_eq(config_load(&env, &config, &errors), -EINVAL);
	for (struct config_error *e = errors; e; e = e->next)
		for (const char *at = e->text; *at; at++)
			cr_assert_geq((unsigned char)*at, ' ');
	cr_assert_str_eq(errors->text, "DNSTAP_CONFIG:2:4: \"\\x1b[31m?\": "
				       "the text is not valid UTF-8 here");
	config_errors_free(errors);
}

Test(config_errors, flood)
{
	char text[4096] = "";
	struct config_error *errors = NULL;
	struct config *config;
	struct config_env env = case_env(text);
	unsigned n = 0;

	for (unsigned i = 0; i < 1000; i++)
		strcat(text, "x;");
	cr_assert_eq(config_load(&env, &config, &errors), -EINVAL);
	for (struct config_error *e = errors; e; e = e->next)
		if (++n == 101)
			cr_assert_str_eq(e->text, "and 900 more errors");
	cr_assert_eq(n, 101);
	config_errors_free(errors);
}

Test(config_errors, too_many_taps)
{
	char text[4096] = "";
	struct config_error *errors = NULL;
	struct config *config;
	struct config_env env = case_env(text);

	for (unsigned i = 0; i < 64; i++)
		strcat(text, "/run/x;");
	cr_assert_eq(config_load(&env, &config, &errors), 0);
	cr_assert_eq(config->n_taps, 64);
	config_free(config);
	strcat(text, "/run/x;");
	cr_assert_eq(config_load(&env, &config, &errors), -EINVAL);
	cr_assert_str_eq(errors->text, "DNSTAP_CONFIG:1:449: \"/run/x\": "
				       "expected at most 64 taps");
	config_errors_free(errors);
}

/* What an environment may hold and a Corefile cannot say is refused, so that
 * what is printed can always be read again. */
Test(config_errors, unsayable)
{
	static const char *const values[] = { "a b\\", "a \\\"b", "\xc0\x80",
					      "{$HOME}", "{%HOME%} \\" };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct config_env env = case_env("/run/dnstap.sock");
		struct config_error *errors = NULL;
		struct config *config;

		env.identity = values[i];
		cr_expect_eq(config_load(&env, &config, &errors), -EINVAL);
		cr_expect_eq(strncmp(errors->text, "DNSTAP_IDENTITY:1:1: ", 21),
			     0);
		config_errors_free(errors);
	}
}
