/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of dnstapshim.h, which a program calls on threads of its own.
 */
#include "shim/api/api.h"

#include <errno.h>

#include "proto/metadata.h"
#include "shim/api/message.h"
#include "shim/capture/capture.h"
#include "shim/capture/enqueue.h"
#include "shim/capture/notes.h"

#define EXPORT __attribute__((visibility("default")))

_Static_assert(NOTES_MAX == DNSTAPSHIM_NOTES_MAX, "the header says so");

static struct api_setup setup;

void api_begin(const struct api_setup *from)
{
	setup = *from;
}

EXPORT int dnstapshim_taps(struct dnstapshim_tap *taps, size_t n)
{
	struct dnstapshim_tap tap;
	size_t count = 0;

	for (size_t i = 0; setup.tap && i < ENQUEUE_QUEUES_MAX; i++) {
		if (!setup.tap(i, &tap))
			continue;
		if (count < n)
			taps[count] = tap;
		count++;
	}
	return count;
}

/* As bits; 0: there is none. */
static uint64_t taps_of(int tap)
{
	struct dnstapshim_tap about;

	if (!setup.tap || tap < DNSTAPSHIM_ALL || tap >= ENQUEUE_QUEUES_MAX)
		return 0;
	if (tap == DNSTAPSHIM_ALL)
		return UINT64_MAX;
	return setup.tap(tap, &about) ? UINT64_C(1) << tap : 0;
}

/* Why nothing is captured just now, on this thread; 0: it is. */
static int refusal(void)
{
	if (!setup.tap)
		return -ENOENT;
	return capture_is_active() && !thread_is_untraced() ? 0 : -EAGAIN;
}

static int give(uint64_t taps, const struct dnstapshim_message *message,
		const struct dnstapshim_pair *pairs, size_t n)
{
	struct api_message read;
	int error = api_message_read(&read, message, pairs, n);

	if (error)
		return error;
	read.seen.stamp_ns = clock_steady();
	enqueue_given(
		taps, &read.seen,
		&(struct octets){ .iov = &read.payload,
				  .left = read.seen.size },
		&(struct octets){ .iov = read.tail, .left = read.seen.tail });
	return 0;
}

EXPORT int dnstapshim_tap_message_with_metadata(
	int tap, const struct dnstapshim_message *message,
	const struct dnstapshim_pair *pairs, size_t n)
{
	uint64_t taps = taps_of(tap);
	int saved = errno;
	int error = taps ? refusal() : -ENOENT;

	if (!error)
		error = give(taps, message, pairs, n);
	errno = saved;
	return error;
}

EXPORT int dnstapshim_tap_message(int tap,
				  const struct dnstapshim_message *message)
{
	return dnstapshim_tap_message_with_metadata(tap, message, NULL, 0);
}

EXPORT int dnstapshim_note(int fd, const char *key, const char *value)
{
	int saved = errno;
	int error = refusal();

	if (!error && key && (!value || !metadata_is_key(key)))
		error = -EINVAL;
	if (!error)
		error = notes_add(fd, key, value);
	errno = saved;
	return error;
}
