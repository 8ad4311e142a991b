/* SPDX-License-Identifier: Apache-2.0
 *
 * Notes are the thread's own, and its signal handlers': what would be changed while it
 * is copied is refused.
 */
#include "shim/capture/notes.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "proto/metadata.h"
#include "shim/base/thread.h"
#include "shim/capture/enqueue.h"

static _Thread_local struct {
	int fd;
	uint16_t used;
	char octets[NOTES_MAX];
} notes;

static int add(int fd, const char *key, const char *value)
{
	size_t used = thread_state.noted && fd == notes.fd ? notes.used : 0;

	thread_state.noted = false;
	if (!key)
		return 0;
	size_t size = metadata_size(key, value);
	bool fits = size <= NOTES_MAX - used;
	if (fits) {
		strcpy(stpcpy(notes.octets + used, key) + 1, value);
		used += size;
	}
	notes.fd = fd;
	notes.used = used;
	thread_state.noted = used;
	return fits ? 0 : -ENOSPC;
}

int notes_add(int fd, const char *key, const char *value)
{
	struct thread_call *call = enqueue_enter(__builtin_frame_address(0));
	int error = -EBUSY;

	if (call) {
		error = add(fd, key, value);
		enqueue_leave(call);
	}
	return error;
}

size_t notes_take(int fd, const char **octets)
{
	if (!thread_state.noted || (notes.fd != -1 && notes.fd != fd))
		return 0;
	thread_state.noted = false;
	*octets = notes.octets;
	return notes.used;
}
