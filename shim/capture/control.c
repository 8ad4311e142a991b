/* SPDX-License-Identifier: Apache-2.0
 *
 * IP_PKTINFO and IPV6_PKTINFO.
 */
#include "shim/capture/control.h"

#include <netinet/in.h>
#include <stddef.h>

static const void *info_address(const struct cmsghdr *item, bool sent,
				bool *inet6)
{
	const struct in_pktinfo *info = (const void *)CMSG_DATA(item);
	const struct in6_pktinfo *info6 = (const void *)CMSG_DATA(item);

	*inet6 = item->cmsg_level == IPPROTO_IPV6;
	if (*inet6 && item->cmsg_type == IPV6_PKTINFO &&
	    item->cmsg_len >= CMSG_LEN(sizeof(*info6)))
		return &info6->ipi6_addr;
	if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO &&
	    item->cmsg_len >= CMSG_LEN(sizeof(*info)))
		return sent ? &info->ipi_spec_dst : &info->ipi_addr;
	return NULL;
}

bool control_local(const struct msghdr *message, bool sent,
		   struct address *local)
{
	struct msghdr *m = (struct msghdr *)message; /* for CMSG_NXTHDR */

	if (!m->msg_control)
		return false;
	for (struct cmsghdr *item = CMSG_FIRSTHDR(m); item;
	     item = CMSG_NXTHDR(m, item)) {
		bool inet6;
		const void *octets = info_address(item, sent, &inet6);

		if (!octets)
			continue;
		address_set(local, octets, inet6);
		if (local->known)
			return true;
	}
	return false;
}
