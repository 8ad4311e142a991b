/* SPDX-License-Identifier: Apache-2.0
 *
 * What one direction of HTTP/2 has compressed by HPACK, read by nghttp2's
 * inflater out of an arena. All header blocks have to be read, in their order: each
 * may rest upon those before.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "shim/capture/http/arena.h"
#include "shim/capture/http/text.h"

/* What a side may allow the other one's table to grow to. Most leave it at 4,096
 * octets. */
#define HPACK_TABLE_MAX 65536

struct hpack {
	struct arena arena;
	nghttp2_mem mem;
	nghttp2_hd_inflater *inflater; /* NULL: no block has come yet */
};

typedef void hpack_field(void *context, struct text name, struct text value);

/* Nothing is allocated yet. The hpack must not be moved. */
void hpack_begin(struct hpack *hpack, uint8_t *memory, uint32_t size);
void hpack_end(struct hpack *hpack);

/* A block's next octets, and its end. Each field that is whole is handed to `take`.
 * Return false if nothing can be read any more. */
bool hpack_read(struct hpack *hpack, const uint8_t *octets, size_t size,
		hpack_field *take, void *context);
bool hpack_finish(struct hpack *hpack, hpack_field *take, void *context);
