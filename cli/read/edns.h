/* SPDX-License-Identifier: Apache-2.0
 *
 * The EDNS record of a DNS message as text (RFC 6891).
 */
#pragma once

#include <ldns/ldns.h>

/* Appends the pseudo-section of a message that has the record. */
void edns_put(ldns_buffer *out, const ldns_pkt *pkt);
