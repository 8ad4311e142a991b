/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses that another thread had read before the send of their query
 * returned: set aside, each by itself, until the query has come or can come no
 * more. Everything else passes them. Bounded in number and in octets.
 *
 * All of it on the tap's thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/event.h"
#include "shim/queue.h"

#define ASIDE_MESSAGES 64

/* What is still free. The last part is not for what is hardly worth it. */
enum aside_room { ASIDE_NONE, ASIDE_LITTLE, ASIDE_PLENTY };

struct aside;

/* Returns NULL when out of memory. */
struct aside *aside_new(void);
void aside_free(struct aside *aside);

size_t aside_count(const struct aside *aside);
enum aside_room aside_room(const struct aside *aside);

/* May the query of this response still come? If one is being sent that is older,
 * or for a moment on a TCP connection that was made from here. */
bool aside_waits(const struct queue *queue, const struct event *event,
		 uint64_t now_ns);

/* Copies the event; `transaction` is that of it and its query. Returns false if
 * there is no room for it. */
bool aside_put(struct aside *aside, struct event *event, uint64_t transaction);

/* A query has been logged: those that answer it are ready. */
void aside_query(struct aside *aside, uint64_t transaction);

/*
 * The wait is over for those before which no query was in flight any more when
 * events were last collected from `queue` (at the end, `ending`, for all), as
 * soon as these have been logged, as the query may be among them: aside_look
 * follows queue_collect, aside_settle when all that came of it is done with.
 * Returns true if any is ready now.
 */
void aside_look(struct aside *aside, const struct queue *queue, uint64_t now_ns,
		bool ending);
bool aside_settle(struct aside *aside);

/* The oldest that is ready, or the oldest of all if there is no more room; NULL:
 * none. Valid until aside_drop(), which is to be called when it is done with. */
struct event *aside_ready(struct aside *aside);
/* The event that this is a copy of. */
struct event *aside_origin(struct aside *aside, const struct event *event);
void aside_drop(struct aside *aside, const struct event *event);
