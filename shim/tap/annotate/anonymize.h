/* SPDX-License-Identifier: Apache-2.0
 *
 * The property `anonymize`: of an address only its first bits are logged.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "proto/event.h"

/* Is any bit to be left out? */
bool anonymizes(const struct tap_config *config);

/* In place; of IPv4 the first 4 octets are looked at. */
void anonymize_address(const struct tap_config *config, uint8_t octets[16],
		       bool inet6);

/* Masks the addresses of the event, of the proxy, and of the client subnet option in
 * the payload, in place. Returns false if an address may be left in the payload. */
bool anonymize(const struct tap_config *config, struct event *event,
	       struct address *proxy);
