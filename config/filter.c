/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters between the words of a configuration and the object.
 */
#include "config/filter.h"

#include <errno.h>

#include "config/config.h"

/* So many words stand on a line, which may have `not` and a name before them. */
#define LINE_WORDS (WORDS_MAX - 1)

static const struct key_name {
	const char *name;
	enum filter_key key;
} key_names[] = {
#define KEY_NAME(name, key) { #name, key },
	FILTER_PROPERTIES(KEY_NAME)
#undef KEY_NAME
};

static void add(struct filter_side *side, enum filter_key key,
		const struct token *word, struct errors *errors)
{
	int error = filter_add(side, key, word->text);

	if (error == -ENOMEM)
		errors->no_memory = true;
	else if (error)
		errors_add(errors, word, "expected %s",
			   filter_key_expects(key));
}

void filter_set(void *field, const struct words *words, struct errors *errors)
{
	struct filter *filter = field;
	int row = keywords_find(KEYWORDS_OF(key_names), words->name.text);

	for (unsigned i = 0; row >= 0 && i < words->count; i++)
		add(&filter->only, key_names[row].key, &words->word[i], errors);
}

void filter_set_not(void *field, const struct words *words,
		    struct errors *errors)
{
	const struct token *name = &words->word[0];
	struct filter *filter = field;
	int row = keywords_find(KEYWORDS_OF(key_names), name->text);

	if (row < 0) {
		errors_add_unknown(errors, name, "what is not wanted",
				   KEYWORDS_OF(key_names));
		return;
	}
	enum filter_key key = key_names[row].key;
	if (words->count > 2 && !filter_key_is_list(key)) {
		errors_add(errors, &words->word[2],
			   "expected one word after %s", name->text);
		return;
	}
	for (unsigned i = 1; i < words->count; i++)
		add(&filter->except, key, &words->word[i], errors);
}

/* Behind the property's name, which is there, or was written with what went
 * before. */
static void show(const struct filter_side *side, enum filter_key key,
		 const char *before, FILE *out)
{
	char word[FILTER_WORD_MAX];

	for (size_t i = 0; filter_word(side, key, i, word); i++) {
		if (i > 0 && i % LINE_WORDS == 0)
			fprintf(out, "\n\t%s%s", before, filter_key_name(key));
		fprintf(out, " %s", word);
	}
}

static bool has(const struct filter_side *side, enum filter_key key)
{
	return side->set >> key & 1;
}

#define DEFINE(name, key)                                                  \
	void filter_show_##name(const void *field, FILE *out)              \
	{                                                                  \
		show(&((const struct filter *)field)->only, key, "", out); \
	}                                                                  \
                                                                           \
	bool filter_has_##name(const void *field)                          \
	{                                                                  \
		return has(&((const struct filter *)field)->only, key);    \
	}

FILTER_PROPERTIES(DEFINE)

void filter_show_not(const void *field, FILE *out)
{
	const struct filter_side *side =
		&((const struct filter *)field)->except;
	const char *before = "";

	for (size_t i = 0; i < ARRAY_SIZE(key_names); i++) {
		const struct key_name *row = &key_names[i];

		if (!has(side, row->key))
			continue;
		fprintf(out, "%s %s", before, row->name);
		show(side, row->key, "not ", out);
		before = "\n\tnot";
	}
}

bool filter_has_not(const void *field)
{
	return ((const struct filter *)field)->except.set;
}
