/* SPDX-License-Identifier: Apache-2.0
 *
 * The endpoint counts messages, whosever they are. So a predecessor's are handed
 * over when it has sent everything else, and until it has sent them nothing else is.
 */
#include "shim/tap/recording.h"

#include <string.h>

#include "shim/base/own_fds.h"
#include "shim/tap/recorder/predecessor.h"
#include "shim/tap/recorder/recorder.h"

/* Messages that the endpoint is done with. */
static uint64_t gone(const struct endpoint_status *status)
{
	return status->counts.frames + status->lost;
}

static struct endpoint_status own_status(const struct recording *recording)
{
	struct endpoint_status status = endpoint_status(recording->endpoint);

	recording_own(recording, &status);
	return status;
}

static void record_in(struct recording *recording, struct progress *progress,
		      uint64_t frames)
{
	if (recording->endpoint->ops->record)
		recording->endpoint->ops->record(recording->endpoint, progress,
						 frames);
}

static void record_own(struct recording *recording)
{
	struct endpoint_status status = own_status(recording);

	record_in(recording,
		  recording->recorder ? recorder_progress(recording->recorder)
				      : NULL,
		  gone(&status));
}

static void open_recorder(struct recording *recording,
			  const struct clock_pair *clocks)
{
	struct endpoint_status status = own_status(recording);

	recording->due = UINT64_MAX;
	own_fds_begin();
	recording->recorder = recorder_open(
		recording->config, recording->tap, recording->queue,
		gone(&status) + status.unsent, clocks);
	own_fds_end();
	if (!recording->recorder)
		return;
	if (!recording->predecessor)
		record_own(recording);
}

void recording_begin(struct recording *recording,
		     const struct clock_pair *clocks)
{
	recording->heir = recording->config->recorder;
	recording->due = recorder_due(recording->config, clocks->steady_ns);
	recording_settle(recording, clocks);
}

void recording_settle(struct recording *recording,
		      const struct clock_pair *clocks)
{
	if (recording->recorder)
		recorder_set_clocks(recording->recorder, clocks);
	else if (clocks->steady_ns >= recording->due)
		open_recorder(recording, clocks);
}

static void subtract(struct endpoint_status *status,
		     const struct endpoint_status *other)
{
	status->counts.frames -= other->counts.frames;
	status->counts.octets -= other->counts.octets;
	status->lost -= other->lost;
}

void recording_own(const struct recording *recording,
		   struct endpoint_status *status)
{
	if (recording->predecessor) {
		status->counts.frames = recording->began.counts.frames;
		status->counts.octets = recording->began.counts.octets;
		status->lost = recording->began.lost;
		status->unsent = 0;
	}
	subtract(status, &recording->inherited);
}

void recording_sent(struct recording *recording)
{
	struct endpoint_status status;

	if (!recording->recorder)
		return;
	status = own_status(recording);
	if (!recording->endpoint->ops->record && !recording->predecessor)
		progress_set(recorder_progress(recording->recorder),
			     gone(&status), 0);
	queue_sent(recording->queue, gone(&status));
}

/* A predecessor's messages */

static void take_predecessor(struct recording *recording)
{
	own_fds_begin();
	struct predecessor *taken =
		predecessor_take(recording->config, recording->tap);
	own_fds_end();
	recording->heir = taken;
	if (!taken)
		return;
	recording->began = endpoint_status(recording->endpoint);
	recording->predecessor = taken;
	record_in(recording, predecessor_progress(taken),
		  predecessor_first(taken));
}

/* `all` of its messages have been sent, or those that were handed over. */
static void leave_predecessor(struct recording *recording, bool all)
{
	struct endpoint_status now = endpoint_status(recording->endpoint);
	struct endpoint_status *inherited = &recording->inherited;

	subtract(&now, &recording->began);
	inherited->counts.frames += now.counts.frames;
	inherited->counts.octets += now.counts.octets;
	inherited->lost += now.lost;
	struct predecessor *left = recording->predecessor;
	recording->predecessor = NULL;
	record_own(recording);
	own_fds_begin();
	predecessor_close(left, all);
	own_fds_end();
}

/* *all: there are no more. */
static size_t hand_over(struct recording *recording, bool *all)
{
	const struct endpoint_ops *ops = recording->endpoint->ops;
	size_t size, count = 0;
	const uint8_t *frame;

	*all = false;
	while (recording->heir) {
		frame = predecessor_message(recording->predecessor, &size);
		*all = !frame;
		uint8_t *room =
			frame ? ops->reserve(recording->endpoint, size) : NULL;
		if (!room)
			return count;
		memcpy(room, frame, size);
		predecessor_next(recording->predecessor);
		ops->commit(recording->endpoint, size);
		count++;
	}
	return count;
}

static void settle_predecessor(struct recording *recording,
			       const struct endpoint_status *status)
{
	struct endpoint_status since = *status;

	subtract(&since, &recording->began);
	if (!recording->endpoint->ops->record)
		progress_set(predecessor_progress(recording->predecessor),
			     predecessor_first(recording->predecessor) +
				     gone(&since),
			     0);
}

size_t recording_inherit(struct recording *recording, bool *others)
{
	struct endpoint_status status;
	size_t count = 0;
	bool all;

	*others = false;
	if (!recording->heir && !recording->predecessor)
		return 0;
	status = endpoint_status(recording->endpoint);
	if (!recording->predecessor && !status.unsent && status.counts.up)
		take_predecessor(recording);
	if (recording->predecessor) {
		settle_predecessor(recording, &status);
		count = hand_over(recording, &all);
		if (!count && !status.unsent && (all || !recording->heir))
			leave_predecessor(recording, all);
	}
	/* As long as nobody has connected to us, ours are dropped as ever. */
	*others =
		recording->predecessor || (recording->heir && status.counts.up);
	return count;
}

void recording_stop(struct recording *recording)
{
	recording->heir = false;
}

void recording_end(struct recording *recording)
{
	if (recording->predecessor)
		leave_predecessor(recording, false);
	if (!recording->recorder)
		return;
	record_in(recording, NULL, 0);
	recorder_close(recording->recorder);
	recording->recorder = NULL;
}
