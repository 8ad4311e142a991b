/* SPDX-License-Identifier: Apache-2.0
 *
 * Any template for any message in any room: a rendering stays in its room, is
 * UTF-8, and is the beginning of what more room would have held.
 */
#include "proto/extra.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTROL_SIZE = 4, WHOLE_SIZE = 1 << 18 };

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* Independent of the checks in the code under test. */
static void require_utf8(const uint8_t *p, size_t size)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	for (size_t n; size > 0; p += n, size -= n) {
		uint32_t c = *p;

		n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : 4;
		require(n < 4 || c >> 3 == 30);
		require(n <= size);
		c &= n == 1 ? 0x7f : 0x7f >> n;
		for (size_t i = 1; i < n; i++) {
			require(p[i] >> 6 == 2);
			c = c << 6 | (p[i] & 0x3f);
		}
		require(c >= least[n] && c <= 0x10ffff && c >> 11 != 0x1b);
	}
}

static struct event *event_new(const uint8_t *data, size_t size, uint8_t flags)
{
	struct event *event = calloc(1, sizeof(*event) + size);

	event->stamp_ns = 1700000000123456789;
	event->flags = flags;
	event->remote_port = size;
	event->size = size;
	memcpy(event->payload, data, size);
	memcpy(event->remote, data, 12);
	memcpy(event->local, data, 12);
	return event;
}

static void check(const struct extra *extra, const struct record *record,
		  size_t room)
{
	static char whole[WHOLE_SIZE];
	size_t whole_size = extra_render(extra, record, whole, sizeof(whole));
	char *out = malloc(room ? room : 1);
	size_t size = extra_render(extra, record, out, room);

	require(size <= room && size <= whole_size);
	require(size + 4 > room || size == whole_size);
	require(memcmp(out, whole, size) == 0);
	require_utf8((uint8_t *)whole, whole_size);
	require_utf8((uint8_t *)out, size);
	free(out);
}

/* Four octets of control, the template up to a NUL, then the message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *control = data, *text_end;
	struct record_query query;
	static const struct address end = { { 192, 0, 2, 1 },
					    .port = 53,
					    .known = true };
	struct record record = { .upstream = end, .proxy = end };
	struct extra_constants constants = { 1, "named", 10 };
	struct extra *extra;
	struct event *event;

	if (size < CONTROL_SIZE)
		return 0;
	data += CONTROL_SIZE;
	size -= CONTROL_SIZE;
	text_end = memchr(data, 0, size);
	if (!text_end || text_end - data > 256 ||
	    data + size - text_end - 1 < EVENT_PAYLOAD_MIN || size > 4096)
		return 0;

	constants.pid = control[0];
	extra = extra_parse((const char *)data, &constants);
	event = event_new(text_end + 1, data + size - text_end - 1, control[1]);
	extra_query_read(event, &query);
	query.stamp_ns -= control[2];
	record.event = event;
	record.response = control[0] & 1;
	record.asked = control[0] & 2;
	record.query = control[0] & 4 ? &query : NULL;
	record.type = control[0] & 8 ? 1 : 0;
	check(extra, &record, control[3]);
	free(event);
	extra_free(extra);
	return 0;
}
