/* SPDX-License-Identifier: Apache-2.0
 *
 * One piece of memory, moved together when its end is reached.
 */
#include "shim/tap/stream/send_buffer.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/tap/stream/frame.h"
#include "shim/tap/stream/session.h"

#define SIZE (4 * SESSION_FRAME_MAX)

/* Of those who connect to us most may never want a frame. */
static bool map(struct send_buffer *send_buffer)
{
	if (send_buffer->data)
		return true;
	/* Shared for the same reason as the queue's memory. */
	void *data = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (data == MAP_FAILED)
		return false;
	madvise(data, SIZE, MADV_DONTFORK);
	madvise(data, SIZE, MADV_DONTDUMP); /* it is full of other people's */
	send_buffer->data = data;
	return true;
}

void send_buffer_end(struct send_buffer *send_buffer)
{
	if (send_buffer->data)
		munmap(send_buffer->data, SIZE);
}

static void move_together(struct send_buffer *send_buffer)
{
	memmove(send_buffer->data, send_buffer->data + send_buffer->whole,
		send_buffer->end - send_buffer->whole);
	send_buffer->at -= send_buffer->whole;
	send_buffer->end -= send_buffer->whole;
	send_buffer->whole = 0;
}

uint8_t *send_buffer_reserve(struct send_buffer *send_buffer, size_t size)
{
	size += FRAME_LENGTH_SIZE;
	if (!map(send_buffer))
		return NULL;
	if (SIZE - send_buffer->end < size && send_buffer->whole)
		move_together(send_buffer);
	if (SIZE - send_buffer->end < size)
		return NULL;
	return send_buffer->data + send_buffer->end + FRAME_LENGTH_SIZE;
}

void send_buffer_commit(struct send_buffer *send_buffer, size_t size)
{
	uint32_t length = htonl(size);

	memcpy(send_buffer->data + send_buffer->end, &length, sizeof(length));
	send_buffer->end += FRAME_LENGTH_SIZE + size;
	send_buffer->frames++;
}

size_t send_buffer_next(const struct send_buffer *send_buffer, uint64_t room,
			bool first, const uint8_t **octets)
{
	size_t fits = room < UINT64_MAX ? send_buffer->whole : send_buffer->end;

	*octets = send_buffer->data + send_buffer->at;
	while (fits < send_buffer->end) {
		size_t next = fits + frame_size(send_buffer->data + fits);
		if (next - send_buffer->at > room && !first)
			break;
		fits = next;
		first = false;
	}
	return fits > send_buffer->at ? fits - send_buffer->at : 0;
}

size_t send_buffer_written(struct send_buffer *send_buffer, size_t size,
			   uint64_t *octets)
{
	size_t frames = 0;

	send_buffer->at += size;
	while (send_buffer->at - send_buffer->whole >= FRAME_LENGTH_SIZE) {
		size_t next =
			frame_size(send_buffer->data + send_buffer->whole);
		if (send_buffer->at - send_buffer->whole < next)
			break;
		send_buffer->whole += next;
		*octets += next;
		frames++;
	}
	if (send_buffer->whole == send_buffer->end)
		send_buffer->whole = send_buffer->at = send_buffer->end = 0;
	send_buffer->frames -= frames;
	return frames;
}

size_t send_buffer_rewind(struct send_buffer *send_buffer)
{
	size_t cut = send_buffer->at - send_buffer->whole;

	send_buffer->at = send_buffer->whole;
	return cut;
}

void send_buffer_discard(struct send_buffer *send_buffer)
{
	send_buffer->whole = send_buffer->at = send_buffer->end = 0;
	send_buffer->frames = 0;
}
