/* SPDX-License-Identifier: Apache-2.0
 *
 * A walk through a message's control data.
 */
#include "shim/capture/ancillary.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>

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

/* The first item for `item` NULL. Returns NULL behind the last one, and at one
 * that claims more than there is. */
static struct cmsghdr *next(const struct msghdr *message, struct cmsghdr *item)
{
	struct msghdr *m = (struct msghdr *)message;

	if (item)
		item = CMSG_NXTHDR(m, item);
	else if (m->msg_control)
		item = CMSG_FIRSTHDR(m);
	if (!item)
		return NULL;
	size_t before = (uint8_t *)item - (uint8_t *)m->msg_control;
	return item->cmsg_len <= m->msg_controllen - before ? item : NULL;
}

bool ancillary_local(const struct msghdr *message, bool sent,
		     struct address *local)
{
	for (struct cmsghdr *item = NULL; (item = next(message, item));) {
		struct address found = { .port = local->port };
		bool inet6;
		const void *octets = info_address(item, sent, &inet6);

		if (!octets)
			continue;
		address_set(&found, octets, inet6);
		/* To be sent from none, a datagram of IPv4 is, wherever its socket
		 * is bound: the kernel chooses. */
		if (found.known || (sent && !inet6))
			*local = found;
		if (found.known)
			return true;
	}
	return false;
}

/* Each has the interface's number: the first of two, the last of one behind an address. */
static bool names_interface(const struct cmsghdr *item)
{
	const struct in_pktinfo *info = (const void *)CMSG_DATA(item);
	const struct in6_pktinfo *info6 = (const void *)CMSG_DATA(item);

	if (item->cmsg_level == IPPROTO_IPV6)
		return item->cmsg_type == IPV6_PKTINFO &&
		       item->cmsg_len >= CMSG_LEN(sizeof(*info6)) &&
		       info6->ipi6_ifindex;
	return item->cmsg_level == IPPROTO_IP &&
	       item->cmsg_type == IP_PKTINFO &&
	       item->cmsg_len >= CMSG_LEN(sizeof(*info)) && info->ipi_ifindex;
}

bool ancillary_routes(const struct msghdr *message)
{
	struct cmsghdr *item = NULL;

	while ((item = next(message, item)))
		if (names_interface(item) || (item->cmsg_level == SOL_SOCKET &&
					      item->cmsg_type == SO_MARK))
			return true;
	return false;
}

/* The kernel takes a uint16_t and gives an int. */
size_t ancillary_segment(const struct msghdr *message)
{
	for (struct cmsghdr *item = NULL; (item = next(message, item));) {
		uint16_t sent;
		int received;

		if (item->cmsg_level != SOL_UDP)
			continue;
		if (item->cmsg_type == UDP_SEGMENT &&
		    item->cmsg_len == CMSG_LEN(sizeof(sent))) {
			memcpy(&sent, CMSG_DATA(item), sizeof(sent));
			return sent;
		}
		if (item->cmsg_type == UDP_GRO &&
		    item->cmsg_len >= CMSG_LEN(sizeof(received))) {
			memcpy(&received, CMSG_DATA(item), sizeof(received));
			return received > 0 ? received : 0;
		}
	}
	return 0;
}

bool ancillary_lacks_segment(const struct msghdr *message)
{
	struct cmsghdr *item = NULL;

	if (!(message->msg_flags & MSG_CTRUNC))
		return false;
	while ((item = next(message, item)))
		if (item->cmsg_level == IPPROTO_IP ||
		    item->cmsg_level == IPPROTO_IPV6)
			return false;
	return true;
}

void ancillary_fds(const struct msghdr *message, void (*each)(int fd))
{
	for (struct cmsghdr *item = NULL; (item = next(message, item));) {
		const uint8_t *data = CMSG_DATA(item);

		if (item->cmsg_level != SOL_SOCKET ||
		    item->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(sizeof(int)); at <= item->cmsg_len;
		     at += sizeof(int), data += sizeof(int)) {
			int fd;

			memcpy(&fd, data, sizeof(fd));
			each(fd);
		}
	}
}
