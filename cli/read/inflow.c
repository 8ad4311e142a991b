/* SPDX-License-Identifier: Apache-2.0
 *
 * The receiver's side of the Frame Streams protocol.
 */
#include "cli/read/inflow.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/read/control.h"

/* A few octets into an empty socket buffer: if they do not fit at once, the
 * sender is not one that we can wait for. */
static int answer(struct inflow *inflow, fstrm_control_type type)
{
	uint8_t out[CONTROL_SIZE_MAX];
	int size = control_encode(type, out);
	ssize_t sent;

	if (size < 0)
		return size;
	sent = send(inflow->fd, out, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return -errno;
	return sent == size ? 0 : -EAGAIN;
}

static int on_ready(struct inflow *inflow)
{
	if (!inflow->socket || inflow->bidirectional)
		return -EPROTO;
	inflow->bidirectional = true;
	return answer(inflow, FSTRM_CONTROL_ACCEPT);
}

static int on_stop(struct inflow *inflow)
{
	inflow->started = false;
	inflow->ended = true;
	if (inflow->bidirectional)
		answer(inflow, FSTRM_CONTROL_FINISH);
	/* Files may stand one behind the other. */
	return inflow->socket ? -ENODATA : 0;
}

static int on_control(struct inflow *inflow, const struct frame *frame)
{
	int type = control_decode(frame->data, frame->size);

	if (type < 0)
		return type;
	if (inflow->started)
		return type == FSTRM_CONTROL_STOP ? on_stop(inflow) : -EPROTO;
	if (type == FSTRM_CONTROL_READY)
		return on_ready(inflow);
	if (type != FSTRM_CONTROL_START)
		return -EPROTO;
	inflow->started = true;
	return 0;
}

static int on_frame(struct inflow *inflow, const struct frame *frame,
		    frame_fn *deliver, void *context)
{
	if (frame->kind == FRAME_CONTROL)
		return on_control(inflow, frame);
	if (!inflow->started)
		return -EPROTO;
	if (frame->kind == FRAME_OVERSIZE) {
		inflow->oversize++;
		return 0;
	}
	inflow->messages++;
	return deliver(context, frame->data, frame->size);
}

static int on_eof(const struct inflow *inflow)
{
	if (inflow->started || !inflow->ended ||
	    frames_partial(&inflow->frames))
		return -EPIPE;
	return -ENODATA;
}

int inflow_read(struct inflow *inflow, frame_fn *deliver, void *context)
{
	struct frame frame;
	uint8_t *space;
	size_t size;
	ssize_t got;
	int result = frames_space(&inflow->frames, &space, &size);

	if (result < 0)
		return result;
	got = read(inflow->fd, space, size);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (got == 0)
		return on_eof(inflow);
	frames_filled(&inflow->frames, got);
	while ((result = frames_next(&inflow->frames, &frame)) > 0) {
		result = on_frame(inflow, &frame, deliver, context);
		if (result != 0)
			return result;
	}
	return result;
}

void inflow_release(struct inflow *inflow)
{
	frames_release(&inflow->frames);
	if (inflow->fd >= 0)
		close(inflow->fd);
	inflow->fd = -1;
}

const char *inflow_error(int error)
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
