/* SPDX-License-Identifier: Apache-2.0
 *
 * One piece of memory, moved together when its end is reached.
 */
#include "shim/tap/stream/outbox.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/tap/stream/frame.h"
#include "shim/tap/stream/session.h"

#define SIZE (4 * SESSION_FRAME_MAX)

/* Of those who connect to us most may never want a frame. */
static bool map(struct outbox *outbox)
{
	if (outbox->data)
		return true;
	/* Shared for the same reason as the queue's memory. */
	void *data = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (data == MAP_FAILED)
		return false;
	madvise(data, SIZE, MADV_DONTFORK);
	madvise(data, SIZE, MADV_DONTDUMP); /* it is full of other people's */
	outbox->data = data;
	return true;
}

void outbox_end(struct outbox *outbox)
{
	if (outbox->data)
		munmap(outbox->data, SIZE);
}

static void move_together(struct outbox *outbox)
{
	memmove(outbox->data, outbox->data + outbox->whole,
		outbox->end - outbox->whole);
	outbox->at -= outbox->whole;
	outbox->end -= outbox->whole;
	outbox->whole = 0;
}

uint8_t *outbox_reserve(struct outbox *outbox, size_t size)
{
	size += FRAME_LENGTH_SIZE;
	if (!map(outbox))
		return NULL;
	if (SIZE - outbox->end < size && outbox->whole)
		move_together(outbox);
	if (SIZE - outbox->end < size)
		return NULL;
	return outbox->data + outbox->end + FRAME_LENGTH_SIZE;
}

void outbox_commit(struct outbox *outbox, size_t size)
{
	uint32_t length = htonl(size);

	memcpy(outbox->data + outbox->end, &length, sizeof(length));
	outbox->end += FRAME_LENGTH_SIZE + size;
	outbox->frames++;
}

size_t outbox_next(const struct outbox *outbox, uint64_t room, bool first,
		   const uint8_t **octets)
{
	size_t fits = room < UINT64_MAX ? outbox->whole : outbox->end;

	*octets = outbox->data + outbox->at;
	while (fits < outbox->end) {
		size_t next = fits + frame_size(outbox->data + fits);
		if (next - outbox->at > room && !first)
			break;
		fits = next;
		first = false;
	}
	return fits > outbox->at ? fits - outbox->at : 0;
}

size_t outbox_written(struct outbox *outbox, size_t size, uint64_t *octets)
{
	size_t frames = 0;

	outbox->at += size;
	while (outbox->at - outbox->whole >= FRAME_LENGTH_SIZE) {
		size_t next = frame_size(outbox->data + outbox->whole);
		if (outbox->at - outbox->whole < next)
			break;
		outbox->whole += next;
		*octets += next;
		frames++;
	}
	if (outbox->whole == outbox->end)
		outbox->whole = outbox->at = outbox->end = 0;
	outbox->frames -= frames;
	return frames;
}

size_t outbox_rewind(struct outbox *outbox)
{
	size_t cut = outbox->at - outbox->whole;

	outbox->at = outbox->whole;
	return cut;
}

void outbox_discard(struct outbox *outbox)
{
	outbox->whole = outbox->at = outbox->end = 0;
	outbox->frames = 0;
}
