/* SPDX-License-Identifier: Apache-2.0
 *
 * A tap's filters, on messages that were logged.
 */
#include "cli/read/choice.h"

#include <errno.h>

#include "cli/cli.h"
#include "cli/read/dnstap.h"

int choice_add(struct choice *choice, const char *text)
{
	struct config_error *errors = NULL;
	int error;

	if (!choice->made) {
		config_choice_init(&choice->tap);
		choice->every_type = choice->tap.types;
	}
	choice->made = true;
	error = config_choice_read(text, "-f", &choice->tap, &errors);
	for (const struct config_error *e = errors; e; e = e->next)
		cli_warn("%s", e->text);
	config_errors_free(errors);
	if (error == -ENOMEM)
		return cli_no_memory();
	return error ? EX_USAGE : EX_OK;
}

/* Some types are none that a tap has. */
static bool is_of_types(const struct choice *choice,
			const Dnstap__Message *message)
{
	return choice->tap.types == choice->every_type ||
	       (message->type < 32 && choice->tap.types >> message->type & 1);
}

bool choice_wants(const struct choice *choice, const Dnstap__Message *message)
{
	const ProtobufCBinaryData *payload = dnstap_payload(message);
	struct filter_message judged = {
		.response = !dnstap_is_query(message),
		.client = dnstap_asker(message),
	};

	if (!choice->made)
		return true;
	if (payload->len >= DNS_HEADER_SIZE) {
		judged.payload = payload->data;
		judged.size = payload->len;
	}
	judged.timed = dnstap_latency(message, &judged.duration_ns);
	return is_of_types(choice, message) &&
	       filter_wants_question(&choice->tap.filter, &judged) &&
	       filter_wants_response(&choice->tap.filter, &judged);
}

void choice_release(struct choice *choice)
{
	if (choice->made)
		config_choice_free(&choice->tap);
}
