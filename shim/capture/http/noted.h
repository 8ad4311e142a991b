/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of an HTTP connection that wait for their responses and are accounted for:
 * handed out as messages, or counted as lost. A response that is DNS to any other
 * request tells of a query that nobody has seen.
 *
 * The requests' direction notes, before the server can answer; the responses' takes.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* More than a server has open at one time, or reads of a pipeline. */
#define NOTED_MAX 512

/* All zero: none. */
struct noted {
	_Atomic uint32_t number[NOTED_MAX]; /* 0: free */
};

/* `number` has 31 bits. Where there is no room the lowest goes that the client has reset,
 * or else the lowest of all. */
void noted_add(struct noted *noted, uint32_t number);

/* The client has reset it: its response may be on its way all the same. */
void noted_reset(struct noted *noted, uint32_t number);

/* Returns whether it was there. */
bool noted_take(struct noted *noted, uint32_t number);
