/* SPDX-License-Identifier: Apache-2.0
 *
 * What `read` is sent: any octets in any pieces, of which the first octet says
 * how long they are. What is shown of them is text without a character that a
 * terminal takes for a command, and JSON stays on its line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/read/choice.h"
#include "cli/read/dnstap.h"
#include "cli/read/format.h"
#include "cli/read/frames.h"
#include "cli/read/pcap.h"
#include "cli/read/stats.h"

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* C0 but for what lays out text, DEL, and C1 in UTF-8. */
static void check(const ldns_buffer *out, const char *allowed, bool line)
{
	const uint8_t *p = ldns_buffer_begin(out);
	size_t size = ldns_buffer_position(out);

	for (size_t i = 0; i < size; i++) {
		require((p[i] >= ' ' && p[i] != 0x7f) ||
			(p[i] && strchr(allowed, p[i])));
		require(p[i] != 0xc2 || i + 1 == size || p[i + 1] >= 0xa0);
	}
	require(size > 0 && p[size - 1] == '\n');
	require(!line || memchr(p, '\n', size) == p + size - 1);
}

static void show(const uint8_t *data, size_t size)
{
	static const struct {
		format_fn *format;
		const char *allowed;
		bool line;
	} forms[] = { { format_quiet, "\n", true },
		      { format_yaml, "\n\t", false },
		      { format_json, "\n", true },
		      { format_flat, "\n", true } };
	Dnstap__Dnstap *dnstap = dnstap__dnstap__unpack(NULL, size, data);

	for (size_t i = 0; dnstap && dnstap->message && i < 4; i++) {
		ldns_buffer *out = ldns_buffer_new(16);

		forms[i].format(out, dnstap);
		check(out, forms[i].allowed, forms[i].line);
		ldns_buffer_free(out);
	}
	if (dnstap)
		dnstap__dnstap__free_unpacked(dnstap, NULL);
}

/* A packet, a summary, and whether it is wanted. */
static void use(const uint8_t *data, size_t size)
{
	Dnstap__Dnstap *dnstap = dnstap_read(data, size);
	struct stats *stats = stats_new(0);
	struct choice choice = { 0 };
	struct pcap pcap = { 0 };
	FILE *out = fopen("/dev/null", "w");

	require(out && stats);
	require(!choice_add(&choice,
			    "name a; not qtype A; not rcode 0; rsize 9;"
			    "duration 1ms; client ::/0"));
	require(!pcap_begin(&pcap, out));
	if (dnstap) {
		pcap_message(&pcap, dnstap, out);
		choice_wants(&choice, dnstap->message);
		require(!stats_add(stats, dnstap->message));
	}
	stats_print(stats, out);
	stats_free(stats);
	pcap_release(&pcap);
	choice_release(&choice);
	dnstap_free(dnstap);
	fclose(out);
}

static int show_frames(struct frames *frames)
{
	struct frame frame;
	int result;

	while ((result = frames_next(frames, &frame)) > 0)
		if (frame.kind == FRAME_DATA)
			show(frame.data, frame.size);
	return result;
}

static void feed(const uint8_t *data, size_t size, size_t piece)
{
	struct frames frames = { 0 };
	uint8_t *space;
	size_t room;

	while (size > 0 && !frames_space(&frames, &space, &room)) {
		room = room < piece ? room : piece;
		room = room < size ? room : size;
		memcpy(space, data, room);
		frames_filled(&frames, room);
		data += room;
		size -= room;
		if (show_frames(&frames) < 0)
			break;
	}
	frames_release(&frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As a stream, and as the one message in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	feed(data + 1, size - 1, 1 + data[0]);
	show(data + 1, size - 1);
	use(data + 1, size - 1);
	return 0;
}
