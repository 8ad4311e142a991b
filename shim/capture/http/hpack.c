/* SPDX-License-Identifier: Apache-2.0
 *
 * nghttp2's inflater, which allocates by functions of ours.
 */
#include "shim/capture/http/hpack.h"

static void *take_memory(size_t size, void *arena)
{
	return arena_take(arena, size);
}

static void give_memory(void *memory, void *arena)
{
	arena_give(arena, memory);
}

/* An inflater needs neither of them. */
static void *take_zeroes(size_t number, size_t size, void *arena)
{
	(void)number;
	(void)size;
	(void)arena;
	return NULL;
}

static void *take_again(void *memory, size_t size, void *arena)
{
	(void)memory;
	(void)size;
	(void)arena;
	return NULL;
}

void hpack_begin(struct hpack *hpack, uint8_t *memory, uint32_t size)
{
	arena_begin(&hpack->arena, memory, size);
	hpack->inflater = NULL;
	hpack->mem = (nghttp2_mem){
		.mem_user_data = &hpack->arena,
		.malloc = take_memory,
		.free = give_memory,
		.calloc = take_zeroes,
		.realloc = take_again,
	};
}

void hpack_end(struct hpack *hpack)
{
	hpack->inflater = NULL;
	arena_end(&hpack->arena);
}

/* A side tells the other of its table by SETTINGS; the other one, in its blocks,
 * how much of that it takes. So the largest is allowed from the beginning. */
static bool begin_inflater(struct hpack *hpack)
{
	return !nghttp2_hd_inflate_new2(&hpack->inflater, &hpack->mem) &&
	       !nghttp2_hd_inflate_change_table_size(hpack->inflater,
						     HPACK_TABLE_MAX);
}

static bool inflate(struct hpack *hpack, const uint8_t *octets, size_t size,
		    bool final, hpack_field *take, void *context)
{
	int flags;

	if (!hpack->inflater && !begin_inflater(hpack))
		return false;
	do {
		nghttp2_nv field;
		ssize_t part = nghttp2_hd_inflate_hd2(
			hpack->inflater, &field, &flags, octets, size, final);
		if (part < 0 || (!part && size && !flags))
			return false;
		octets += part;
		size -= part;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			take(context,
			     (struct text){ (char *)field.name, field.namelen },
			     (struct text){ (char *)field.value,
					    field.valuelen });
	} while (size || flags & NGHTTP2_HD_INFLATE_EMIT);
	return true;
}

bool hpack_read(struct hpack *hpack, const uint8_t *octets, size_t size,
		hpack_field *take, void *context)
{
	return inflate(hpack, octets, size, false, take, context);
}

bool hpack_finish(struct hpack *hpack, hpack_field *take, void *context)
{
	return inflate(hpack, (const uint8_t *)"", 0, true, take, context) &&
	       !nghttp2_hd_inflate_end_headers(hpack->inflater);
}
