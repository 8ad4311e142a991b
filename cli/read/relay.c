/* SPDX-License-Identifier: Apache-2.0
 *
 * A sender for each collector.
 */
#include "cli/read/relay.h"

#include "cli/cli.h"

int relay_add(struct relay *relay, char option, const char *where)
{
	if (relay->count == RELAY_MAX)
		return cli_usage("-%c '%s': there may be %d collectors", option,
				 where, RELAY_MAX);
	relay->to[relay->count].option = option;
	relay->to[relay->count].where = where;
	relay->to[relay->count++].sender.patient = true;
	return EX_OK;
}

int relay_open(struct relay *relay)
{
	int status = EX_OK;

	for (size_t i = 0; i < relay->count && status == EX_OK; i++) {
		struct sender *sender = &relay->to[i].sender;
		const char *where = relay->to[i].where;

		status = relay->to[i].option == 'U'
				 ? sender_unix(sender, where)
				 : sender_tcp(sender, "-T", where);
	}
	return status;
}

int relay_frame(struct relay *relay, const uint8_t *data, size_t size)
{
	int error = 0;

	for (size_t i = 0; i < relay->count && !error; i++)
		error = sender_frame(&relay->to[i].sender, data, size);
	return error;
}

int relay_flush(struct relay *relay)
{
	int error = 0;

	for (size_t i = 0; i < relay->count && !error; i++)
		error = sender_flush(&relay->to[i].sender);
	return error;
}

int relay_close(struct relay *relay)
{
	int status = EX_OK;

	for (size_t i = 0; i < relay->count; i++) {
		struct sender *sender = &relay->to[i].sender;
		int one = sender->session ? sender_finish(sender) : EX_OK;

		status = one == EX_OK ? status : one;
		sender_free(sender);
	}
	relay->count = 0;
	return status;
}
