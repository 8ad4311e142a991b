/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses are cut to as many bits as a tap may log.
 */
#include "shim/tap/annotate/anonymize.h"

#include "proto/dns.h"

static void mask(uint8_t octets[16], unsigned size, unsigned kept_bits)
{
	for (unsigned i = kept_bits / 8; i < size; i++) {
		unsigned kept = i * 8 < kept_bits ? kept_bits % 8 : 0;
		octets[i] &= 0xff00 >> kept;
	}
}

bool anonymizes(const struct tap_config *config)
{
	return config->anonymize_v4 < 32 || config->anonymize_v6 < 128;
}

void anonymize_address(const struct tap_config *config, uint8_t octets[16],
		       bool inet6)
{
	mask(octets, inet6 ? 16 : 4,
	     inet6 ? config->anonymize_v6 : config->anonymize_v4);
}

bool anonymize(const struct tap_config *config, struct event *event,
	       struct address *proxy)
{
	bool inet6 = event->flags & EVENT_INET6;

	if (!anonymizes(config))
		return true;
	anonymize_address(config, event->local, inet6);
	anonymize_address(config, event->remote, inet6);
	anonymize_address(config, proxy->octets, proxy->inet6);
	return dns_client_subnet_mask(event->payload, event->size,
				      config->anonymize_v4,
				      config->anonymize_v6);
}
