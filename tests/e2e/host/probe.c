/* SPDX-License-Identifier: Apache-2.0
 *
 * The public functions from a program that is compiled as C or as C++, in whichever
 * way: what they return, and one message. It has no socket.
 */
#include "shim/api/dnstapshim.h"

#include <stdio.h>
#include <string.h>

/* RFC 1035: id 1, one question, the root's NS. */
static const unsigned char query[] = { 0, 1, 1, 0, 0, 1, 0, 0, 0,
				       0, 0, 0, 0, 0, 2, 0, 1 };

static struct dnstapshim_message message_new(void)
{
	static const unsigned char client[] = { 192, 0, 2, 1 };
	static struct timespec now;
	struct dnstapshim_message message;

	clock_gettime(CLOCK_REALTIME, &now);
	memset(&message, 0, sizeof(message));
	message.size = sizeof(message);
	message.type = DNSTAPSHIM_CLIENT_QUERY;
	message.family = DNSTAPSHIM_INET;
	message.protocol = DNSTAPSHIM_DOQ;
	message.query_address = client;
	message.query_port = 4711;
	message.query_time = &now;
	message.query = query;
	message.query_size = sizeof(query);
	return message;
}

int main(void)
{
	static const struct dnstapshim_pair pair = { "probe/how", HOW };
	const struct dnstapshim_message message = message_new();
	struct dnstapshim_tap tap;
	int taps = dnstapshim_taps(&tap, 1);

	printf("%d\n", taps);
	if (taps > 0)
		printf("%s %d %u\n", tap.socket, (int)tap.id,
		       (unsigned)tap.full);
	printf("%d\n", dnstapshim_note(-1, "probe/note", "1"));
	printf("%d\n", dnstapshim_tap_message_with_metadata(
			       DNSTAPSHIM_ALL, &message, &pair, 1));
	printf("%d\n", dnstapshim_tap_message(taps, &message));
	return 0;
}
