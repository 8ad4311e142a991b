/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of a stream, and connecting to a tap again.
 */
#include "cli/read/source.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "cli/cli.h"

#define RECONNECT_MS 1000

int64_t source_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* After the last address a pause. */
void source_disconnect(struct source *source)
{
	receiver_release(&source->receiver);
	source->receiver = (struct receiver){ .fd = -1 };
	source->deadline =
		source_clock() + (source->outgoing->next ? 0 : RECONNECT_MS);
}

void source_failed(struct source *source, int error)
{
	source_disconnect(source);
	if (source->outgoing->next || source->outgoing->reported)
		return;
	source->outgoing->reported = true;
	cli_warn("%s: %s; trying again every second", source->name,
		 receiver_error(error));
}

void source_connect(struct source *source, int timeout)
{
	int fd = outgoing_connect(source->outgoing);

	if (fd < 0) {
		source_failed(source, fd);
		return;
	}
	source->receiver = (struct receiver){ .fd = fd, .socket = true };
	source->deadline = timeout ? source_clock() + timeout : 0;
}

void source_connected(struct source *source)
{
	source->outgoing->next = 0;
	source->outgoing->reported = false;
	cli_warn("%s: connection %u", source->name, ++source->number);
}

void source_report_end(const struct source *source, int error)
{
	const struct receiver *receiver = &source->receiver;
	char number[32] = "";

	if (source->number)
		snprintf(number, sizeof(number),
			 "connection %u: ", source->number);
	if (receiver->oversize)
		cli_warn("%s: %s%" PRIu64 " frames of more than %d octets "
			 "skipped",
			 source->name, number, receiver->oversize,
			 FRAMES_SIZE_MAX);
	if (error != -ENODATA)
		cli_warn("%s: %s%s, after %" PRIu64 " messages", source->name,
			 number, receiver_error(error), receiver->messages);
	else if (source->number)
		cli_warn("%s: %sclosed after %" PRIu64 " messages",
			 source->name, number, receiver->messages);
}
