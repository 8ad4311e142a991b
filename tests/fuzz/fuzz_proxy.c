/* SPDX-License-Identifier: Apache-2.0
 *
 * The PROXY header on any octets: what is read of a part is what is read of the
 * whole, and what is written of it says the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t written[PROXY_WRITTEN_MAX];
	struct proxy whole, part, again;
	long length = proxy_read(data, size, &whole), shorter = PROXY_MORE;

	for (size_t i = 0; i <= size && shorter == PROXY_MORE; i++) {
		uint8_t *copy = malloc(i); /* nothing behind it is looked at */
		if (i)
			memcpy(copy, data, i);
		shorter = proxy_read(copy, i, &part);
		free(copy);
	}
	if (shorter != length)
		abort();
	if (length <= 0)
		return 0;
	size_t wrote = proxy_write(&whole, written);
	if (memcmp(&whole, &part, sizeof(whole)) ||
	    proxy_read(written, wrote, &again) != (long)wrote ||
	    memcmp(&whole, &again, sizeof(whole)))
		abort();
	return 0;
}
