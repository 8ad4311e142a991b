/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking along an iovec.
 */
#include "shim/capture/octets.h"

#include <string.h>

void octets_pass(struct octets *octets, size_t size)
{
	octets->left -= size;
	if (!octets->left)
		return; /* what lies behind the last octet is not looked at */
	while (size >= octets->iov->iov_len - octets->skip) {
		size -= octets->iov->iov_len - octets->skip;
		octets->skip = 0;
		octets->iov++;
	}
	octets->skip += size;
}

void octets_copy(const struct octets *octets, uint8_t *to, size_t size)
{
	const struct iovec *iov = octets->iov;
	size_t skip = octets->skip;

	if (octets->front.iov_len) {
		memcpy(to, octets->front.iov_base, octets->front.iov_len);
		to += octets->front.iov_len;
		size -= octets->front.iov_len;
	}
	if (!size)
		return; /* there may be no piece left to look at */
	while (size > iov->iov_len - skip) {
		size_t part = iov->iov_len - skip;
		memcpy(to, (uint8_t *)iov->iov_base + skip, part);
		to += part;
		size -= part;
		skip = 0;
		iov++;
	}
	memcpy(to, (uint8_t *)iov->iov_base + skip, size);
}

void octets_take(struct octets *octets, uint8_t *to, size_t size)
{
	octets_copy(octets, to, size);
	octets_pass(octets, size);
}
