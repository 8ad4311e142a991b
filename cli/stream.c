/* SPDX-License-Identifier: Apache-2.0
 *
 * The receiver's side of the Frame Streams protocol.
 */
#include "cli/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/control.h"

/* A few octets into an empty socket buffer: if they do not fit at once, the
 * sender is not one that we can wait for. */
static int answer(struct stream *stream, fstrm_control_type type)
{
	uint8_t out[CONTROL_SIZE_MAX];
	int size = control_encode(type, out);
	ssize_t sent;

	if (size < 0)
		return size;
	sent = send(stream->fd, out, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return -errno;
	return sent == size ? 0 : -EAGAIN;
}

static int on_ready(struct stream *stream)
{
	if (!stream->socket || stream->bidirectional)
		return -EPROTO;
	stream->bidirectional = true;
	return answer(stream, FSTRM_CONTROL_ACCEPT);
}

static int on_stop(struct stream *stream)
{
	stream->started = false;
	stream->ended = true;
	if (stream->bidirectional)
		answer(stream, FSTRM_CONTROL_FINISH);
	/* Files may stand one behind the other. */
	return stream->socket ? -ENODATA : 0;
}

static int on_control(struct stream *stream, const struct frame *frame)
{
	int type = control_decode(frame->data, frame->size);

	if (type < 0)
		return type;
	if (stream->started)
		return type == FSTRM_CONTROL_STOP ? on_stop(stream) : -EPROTO;
	if (type == FSTRM_CONTROL_READY)
		return on_ready(stream);
	if (type != FSTRM_CONTROL_START)
		return -EPROTO;
	stream->started = true;
	return 0;
}

static int on_frame(struct stream *stream, const struct frame *frame,
		    frame_fn *deliver, void *context)
{
	if (frame->kind == FRAME_CONTROL)
		return on_control(stream, frame);
	if (!stream->started)
		return -EPROTO;
	if (frame->kind == FRAME_OVERSIZE) {
		stream->oversize++;
		return 0;
	}
	stream->messages++;
	return deliver(context, frame->data, frame->size);
}

static int on_eof(const struct stream *stream)
{
	if (stream->started || !stream->ended ||
	    frames_partial(&stream->frames))
		return -EPIPE;
	return -ENODATA;
}

int stream_read(struct stream *stream, frame_fn *deliver, void *context)
{
	struct frame frame;
	uint8_t *space;
	size_t size;
	ssize_t got;
	int result = frames_space(&stream->frames, &space, &size);

	if (result < 0)
		return result;
	got = read(stream->fd, space, size);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (got == 0)
		return on_eof(stream);
	frames_filled(&stream->frames, got);
	while ((result = frames_next(&stream->frames, &frame)) > 0) {
		result = on_frame(stream, &frame, deliver, context);
		if (result != 0)
			return result;
	}
	return result;
}

void stream_release(struct stream *stream)
{
	frames_release(&stream->frames);
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
}

const char *stream_error(int error)
{
	switch (error) {
	case -EPROTO:
		return "this is not Frame Streams";
	case -EPROTOTYPE:
		return "the content type is not dnstap's";
	case -EPIPE:
		return "it ended without STOP";
	case -ETIME:
		return "no handshake in time";
	default:
		return strerror(-error);
	}
}
