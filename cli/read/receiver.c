/* SPDX-License-Identifier: Apache-2.0
 *
 * The receiver's side of the Frame Streams protocol.
 */
#include "cli/read/receiver.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/read/decompress.h"
#include "shim/tap/stream/frame.h"

/* A few octets into an empty socket buffer: if they do not fit at once, the
 * sender is not one that we can wait for. */
static int answer(struct receiver *receiver, fstrm_control_type type)
{
	uint8_t out[FRAME_CONTROL_SIZE];
	size_t size = frame_control(type, out);
	ssize_t sent;

	if (!size)
		return -ENOMEM;
	sent = send(receiver->fd, out, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return -errno;
	return (size_t)sent == size ? 0 : -EAGAIN;
}

static int on_ready(struct receiver *receiver)
{
	if (!receiver->socket || receiver->bidirectional)
		return -EPROTO;
	receiver->bidirectional = true;
	return answer(receiver, FSTRM_CONTROL_ACCEPT);
}

static int on_stop(struct receiver *receiver)
{
	receiver->started = false;
	receiver->ended = true;
	if (receiver->bidirectional)
		answer(receiver, FSTRM_CONTROL_FINISH);
	/* Files may stand one behind the other. */
	return receiver->socket ? -ENODATA : 0;
}

static int on_control(struct receiver *receiver, int type)
{
	if (receiver->started)
		return type == FSTRM_CONTROL_STOP ? on_stop(receiver) : -EPROTO;
	if (type == FSTRM_CONTROL_READY)
		return on_ready(receiver);
	if (type != FSTRM_CONTROL_START)
		return -EPROTO;
	receiver->started = true;
	return 0;
}

static int on_frame(struct receiver *receiver, const struct frame *frame,
		    frame_fn *deliver, void *context)
{
	if (frame->kind == FRAME_CONTROL)
		return on_control(receiver, frame->control);
	if (!receiver->started)
		return -EPROTO;
	if (frame->kind == FRAME_OVERSIZE) {
		receiver->oversize++;
		return 0;
	}
	receiver->messages++;
	return deliver(context, frame->data, frame->size);
}

static int on_eof(const struct receiver *receiver)
{
	if (receiver->started || !receiver->ended ||
	    frames_partial(&receiver->frames))
		return -EPIPE;
	return -ENODATA;
}

static ssize_t read_some(struct receiver *receiver, void *space, size_t size)
{
	ssize_t got;

	if (receiver->decompress)
		return decompress_read(receiver->decompress, receiver->fd,
				       space, size);
	got = read(receiver->fd, space, size);
	return got < 0 ? -errno : got;
}

int receiver_read(struct receiver *receiver, frame_fn *deliver, void *context)
{
	struct frame frame;
	uint8_t *space;
	size_t size;
	ssize_t got;
	int result = frames_space(&receiver->frames, &space, &size);

	if (result < 0)
		return result;
	got = read_some(receiver, space, size);
	if (got < 0)
		return got == -EAGAIN || got == -EINTR ? 0 : (int)got;
	if (got == 0)
		return on_eof(receiver);
	frames_filled(&receiver->frames, (size_t)got);
	while ((result = frames_next(&receiver->frames, &frame)) > 0) {
		result = on_frame(receiver, &frame, deliver, context);
		if (result != 0)
			return result;
	}
	return result;
}

bool receiver_pending(const struct receiver *receiver)
{
	return receiver->decompress && decompress_pending(receiver->decompress);
}

void receiver_restart(struct receiver *receiver)
{
	frames_release(&receiver->frames);
	receiver->started = receiver->ended = false;
	if (receiver->decompress)
		decompress_restart(receiver->decompress);
}

void receiver_release(struct receiver *receiver)
{
	frames_release(&receiver->frames);
	decompress_free(receiver->decompress);
	receiver->decompress = NULL;
	if (receiver->fd >= 0)
		close(receiver->fd);
	receiver->fd = -1;
}

const char *receiver_error(int error)
{
	switch (error) {
	case -EPROTO:
		return "this is not Frame Streams";
	case -EPROTOTYPE:
		return "the content type is not dnstap's";
	case -EPIPE:
		return "it ended without STOP";
	case -EBADMSG:
		return "what is compressed in it is damaged, or cut short";
	case -ETIME:
		return "no handshake in time";
	default:
		return strerror(-error);
	}
}
