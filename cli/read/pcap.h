/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages as packets, in a pcapng file (draft-ietf-opsawg-pcapng) that Wireshark
 * and tcpdump read: IP and UDP or TCP headers made up from what dnstap says, and
 * a comment with what they cannot hold.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "cli/read/tally.h"
#include "dnstap.pb-c.h"

/* All zero: a new file. */
struct pcap {
	struct tally flows; /* the next sequence number of each direction */
	struct packet *packet;
};

/* Each returns 0 or -errno. */
int pcap_begin(struct pcap *pcap, FILE *out);

/* -EBADMSG: the message was not sent along, or has no address, and cannot be
 * shown as a packet; nothing was written. */
int pcap_message(struct pcap *pcap, const Dnstap__Dnstap *dnstap, FILE *out);

void pcap_release(struct pcap *pcap);
