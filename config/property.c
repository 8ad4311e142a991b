/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of properties, and how those of the endpoint are read and shown.
 */
#include "config/property.h"

#include <limits.h>
#include <stdlib.h>

#include "config/filter.h"
#include "config/rotation.h"
#include "config/selection.h"
#include "config/value.h"
#include "proto/common.h"

static void set_identity(void *field, const struct words *words,
			 struct errors *errors)
{
	value_text(&words->word[0], CONFIG_IDENTITY_MAX, field, errors);
}

static void set_version(void *field, const struct words *words,
			struct errors *errors)
{
	value_text(&words->word[0], CONFIG_VERSION_MAX, field, errors);
}

static void set_extra(void *field, const struct words *words,
		      struct errors *errors)
{
	value_text(&words->word[0], CONFIG_EXTRA_MAX, field, errors);
}

static void show_word(const char *text, FILE *out)
{
	fputc(' ', out);
	word_print(text, out);
}

static void show_text(const void *field, FILE *out)
{
	char *const *text = field;

	show_word(*text ? *text : "", out);
}

static bool is_set(const void *field)
{
	char *const *text = field;

	return *text;
}

static void set_flag(void *field, const struct words *words,
		     struct errors *errors)
{
	bool *flag = field;

	(void)words, (void)errors;
	*flag = true;
}

static bool is_flagged(const void *field)
{
	return *(const bool *)field;
}

/* A path or a name. */
static void set_nonempty(const struct token *word, char **field,
			 struct errors *errors)
{
	if (*word->text)
		value_text(word, PATH_MAX - 1, field, errors);
	else
		errors_add(errors, word, "expected something in the quotes");
}

static void clear(char **field)
{
	free(*field);
	*field = NULL;
}

/* [CERT KEY] [CA]: an odd number of words ends with the CA. */
static void set_tls(void *field, const struct words *words,
		    struct errors *errors)
{
	struct tap_config *tap = field;
	const struct token *word = words->word;

	clear(&tap->tls_cert);
	clear(&tap->tls_key);
	clear(&tap->tls_ca);
	if (words->count >= 2) {
		set_nonempty(&word[0], &tap->tls_cert, errors);
		set_nonempty(&word[1], &tap->tls_key, errors);
	}
	if (words->count % 2 == 1)
		set_nonempty(&word[words->count - 1], &tap->tls_ca, errors);
}

static void show_tls(const void *field, FILE *out)
{
	const struct tap_config *tap = field;

	if (tap->tls_cert) {
		show_word(tap->tls_cert, out);
		show_word(tap->tls_key, out);
	}
	if (tap->tls_ca)
		show_word(tap->tls_ca, out);
}

static void set_servername(void *field, const struct words *words,
			   struct errors *errors)
{
	set_nonempty(&words->word[0], field, errors);
}

static bool is_tls(const struct tap_config *tap)
{
	return tap->kind == ENDPOINT_TLS;
}

static bool is_tls_client(const struct tap_config *tap)
{
	return is_tls(tap) && !tap->listen;
}

static bool is_file(const struct tap_config *tap)
{
	return tap->kind == ENDPOINT_FILE;
}

static bool is_socket(const struct tap_config *tap)
{
	return !is_file(tap);
}

#define FIELD(name) offsetof(struct tap_config, name)
#define WHOLE_TAP   0 /* for a property of several fields */
#define CHOOSING    8

static const struct property table[] = {
	{ "identity", " IDENTITY", 1, 1, FIELD(identity), set_identity,
	  show_text, .fits = NULL },
	{ "version", " VERSION", 1, 1, FIELD(version), set_version, show_text,
	  .fits = NULL },
	{ "extra", " EXTRA", 1, 1, FIELD(extra), set_extra, show_text,
	  .fits = NULL },
	{ "tls", " [CERT KEY] [CA]", 0, 3, WHOLE_TAP, set_tls, show_tls,
	  .fits = is_tls,
	  .misfit =
		  "expected it with a tls:// SOCKET: this one is not encrypted" },
	{ "tls_servername", " NAME", 1, 1, FIELD(tls_servername),
	  set_servername, show_text, is_set, .fits = is_tls_client,
	  .misfit = "expected it with a tls:// SOCKET that does not listen" },
	{ "skipverify", "", 0, 0, FIELD(skip_verify), set_flag, NULL,
	  is_flagged, .fits = is_tls },
	{ "role", " auto|client|auth", 1, 1, FIELD(role), selection_set_role,
	  selection_show_role, .fits = NULL },
	{ "sample", " N", 1, 1, FIELD(sample), selection_set_sample,
	  selection_show_sample, .fits = NULL },
	{ "anonymize", " V4BITS V6BITS", 2, 2, WHOLE_TAP,
	  selection_set_anonymize, selection_show_anonymize, .fits = NULL },
	{ "unidirectional", "", 0, 0, FIELD(unidirectional), set_flag, NULL,
	  is_flagged, .fits = is_socket },
	{ "rotate", " [SIZE] [PERIOD] [COUNT]", 1, 3, WHOLE_TAP, rotation_set,
	  rotation_show, rotation_is_on, .fits = is_file,
	  .misfit =
		  "expected it with a file:// SOCKET: nothing else is rotated" },
	{ "timestamps", "", 0, 0, FIELD(timestamps), set_flag, NULL, is_flagged,
	  .fits = is_file, .misfit = "expected it with a file:// SOCKET" },
	{ "current", "", 0, 0, FIELD(current), set_flag, NULL, is_flagged,
	  .fits = is_file, .misfit = "expected it with a file:// SOCKET" },

	/* Those that choose messages: CHOOSING rows, to the end. */
	{ "types", " WORD...", 1, WORDS_MAX, FIELD(types), selection_set_types,
	  selection_show_types, .fits = NULL },
	{ "name", " NAME...", 1, WORDS_MAX, FIELD(filter), filter_set,
	  filter_show_name, filter_has_name, .fits = NULL },
	{ "qtype", " TYPE...", 1, WORDS_MAX, FIELD(filter), filter_set,
	  filter_show_qtype, filter_has_qtype, .fits = NULL },
	{ "client", " NETWORK...", 1, WORDS_MAX, FIELD(filter), filter_set,
	  filter_show_client, filter_has_client, .fits = NULL },
	{ "rcode", " RCODE...", 1, WORDS_MAX, FIELD(filter), filter_set,
	  filter_show_rcode, filter_has_rcode, .fits = NULL },
	{ "rsize", " OCTETS", 1, 1, FIELD(filter), filter_set,
	  filter_show_rsize, filter_has_rsize, .fits = NULL },
	{ "duration", " TIME", 1, 1, FIELD(filter), filter_set,
	  filter_show_duration, filter_has_duration, .fits = NULL },
	{ "not", " name|qtype|client|rcode|rsize|duration WORD...", 2,
	  WORDS_MAX, FIELD(filter), filter_set_not, filter_show_not,
	  filter_has_not, .fits = NULL },
};

_Static_assert(ARRAY_SIZE(table) <= PROPERTIES_MAX, "raise PROPERTIES_MAX");

const struct keywords properties = { table, sizeof(table[0]),
				     ARRAY_SIZE(table) };

const struct keywords choosing = { &table[ARRAY_SIZE(table) - CHOOSING],
				   sizeof(table[0]), CHOOSING };

const struct property *property_at(size_t i)
{
	return &table[i];
}
