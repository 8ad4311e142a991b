/* SPDX-License-Identifier: Apache-2.0
 *
 * Which messages a tap logs: by their types, its sample and its filters.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "proto/filter/filter.h"
#include "shim/tap/annotate/match.h"

struct choice {
	const struct tap_config *config;
	bool trusted;          /* all of them: see annotator_trust */
	struct address remote; /* of this message, before it is masked, for a
				* filter; else not known */
};

/* What most taps have none of is found out without a call. */
static inline bool choice_filters(const struct choice *choice)
{
	return !filter_is_empty(&choice->config->filter);
}

/* Notes an address before it is masked. */
void choice_see(struct choice *choice, const struct event *event);

/* Who asked; `client`: by a proxy's word, if known. */
struct address choice_asker(const struct choice *choice,
			    const struct match_message *message,
			    const struct address *client);

/* Is it one of those to be logged? A query is together with its responses. */
bool choice_in_sample(const struct choice *choice,
		      const struct match_message *message);

/* By what the filters say of a question and of who asked it. */
bool choice_of_question(const struct choice *choice,
			const struct match_message *message,
			const struct address *client);

/* By all that they say; `query`: that a response answers, NULL: it is not known. */
bool choice_of_message(const struct choice *choice,
		       const struct match_message *message,
		       const struct match_message *query,
		       const struct address *client);

/* By its type, one bit of those of config->types, and the sample. */
static inline bool choice_of_type(const struct choice *choice,
				  const struct match_message *message,
				  uint32_t types)
{
	const struct tap_config *config = choice->config;

	return choice->trusted ||
	       (config->types & types &&
		(config->sample <= 1 || choice_in_sample(choice, message)));
}

static inline bool choice_passes(const struct choice *choice,
				 const struct match_message *message,
				 const struct match_message *query,
				 const struct address *client)
{
	return choice->trusted || !choice_filters(choice) ||
	       choice_of_message(choice, message, query, client);
}
