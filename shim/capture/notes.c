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
#include "shim/capture/fdtable.h"

static _Thread_local struct {
	int fd;
	uint16_t used;
	uint64_t state; /* of the fd: the number may become another socket's */
	char octets[NOTES_MAX];
} notes;

static bool are_for(int fd)
{
	return fd == notes.fd && fd_same_socket(fdtable_state(fd), notes.state);
}

static int add(int fd, const char *key, const char *value)
{
	size_t used = thread_state.noted && are_for(fd) ? notes.used : 0;

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
	notes.state = fdtable_state(fd);
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
	if (!thread_state.noted || (notes.fd != -1 && !are_for(fd)))
		return 0;
	thread_state.noted = false;
	*octets = notes.octets;
	return notes.used;
}
