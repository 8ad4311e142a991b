/* SPDX-License-Identifier: Apache-2.0
 *
 * Compressed files: whole, several in one, cut and damaged, into room of any size.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "cli/read/decompress.h"
#include "proto/common.h"

#define TEXT_SIZE 100000
#define FILE_SIZE (3 * TEXT_SIZE)

typedef size_t pack_fn(const uint8_t *text, size_t size, uint8_t *out);

static size_t pack_gzip(const uint8_t *text, size_t size, uint8_t *out)
{
	z_stream zlib = { .next_in = (uint8_t *)text,
			  .avail_in = size,
			  .next_out = out,
			  .avail_out = FILE_SIZE };

	deflateInit2(&zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	deflate(&zlib, Z_FINISH);
	deflateEnd(&zlib);
	return FILE_SIZE - zlib.avail_out;
}

static size_t pack_zstd(const uint8_t *text, size_t size, uint8_t *out)
{
	return ZSTD_compress(out, FILE_SIZE, text, size, 3);
}

static size_t pack_not(const uint8_t *text, size_t size, uint8_t *out)
{
	memcpy(out, text, size);
	return size;
}

static pack_fn *const packs[] = { pack_not, pack_gzip, pack_zstd };

/* Something that compresses, but not to nothing. */
static const uint8_t *text_of(size_t size)
{
	static uint8_t text[TEXT_SIZE];

	srand(1);
	for (size_t i = 0; i < size; i++)
		text[i] = rand() % 7 ? 'a' + rand() % 4 : rand();
	return text;
}

/* Reads all of it with so much room at a time. Returns the octets, or -errno. */
static ssize_t unpack(const uint8_t *packed, size_t size, size_t room,
		      uint8_t *out)
{
	struct decompress *decompress = decompress_new();
	FILE *file = tmpfile();
	ssize_t got, all = 0;

	cr_assert(decompress && file);
	fwrite(packed, 1, size, file);
	fflush(file);
	lseek(fileno(file), 0, SEEK_SET);
	while ((got = decompress_read(decompress, fileno(file), out + all,
				      room)) > 0 ||
	       got == -EAGAIN)
		all += got > 0 ? got : 0;
	cr_expect_eq(decompress_is_used(decompress),
		     size > 0 && packed[0] != text_of(1)[0]);
	fclose(file);
	decompress_free(decompress);
	return got ? got : all;
}

Test(decompress, whole_and_several)
{
	static const size_t rooms[] = { 1, 7, 4096, 65536 };
	static const size_t sizes[] = { 1, 7, 4096, 65536, TEXT_SIZE };
	static uint8_t packed[2 * FILE_SIZE], out[2 * TEXT_SIZE + 65536];

	for (size_t i = 0; i < 3 * ARRAY_SIZE(rooms) * ARRAY_SIZE(sizes); i++) {
		pack_fn *pack = packs[i % 3];
		size_t room = rooms[i / 3 % ARRAY_SIZE(rooms)],
		       size = sizes[i / 3 / ARRAY_SIZE(rooms)];
		const uint8_t *text = text_of(size);
		size_t first = pack(text, size, packed),
		       second = pack(text, size, packed + first);

		cr_assert_eq(unpack(packed, first, room, out), (ssize_t)size);
		cr_assert(!memcmp(out, text, size));
		cr_assert_eq(unpack(packed, first + second, room, out),
			     (ssize_t)(2 * size));
		cr_assert(!memcmp(out + size, text, size));
	}
}

Test(decompress, cut_and_damaged)
{
	static uint8_t packed[2 * FILE_SIZE], out[TEXT_SIZE + 65536];
	const size_t size = 5000;

	for (int i = 1; i < 3; i++) {
		size_t whole = packs[i](text_of(size), size, packed);

		for (size_t cut = 4; cut < whole; cut += 1 + cut / 10)
			cr_assert_eq(unpack(packed, cut, 512, out), -EBADMSG);
		memset(packed + whole, 'x', 100);
		cr_assert_eq(unpack(packed, whole + 100, 512, out), -EBADMSG);
		memset(packed + whole / 2, 0, whole / 2);
		cr_assert_eq(unpack(packed, whole, 512, out), -EBADMSG);
	}
}

Test(decompress, a_few_octets)
{
	uint8_t out[16];

	cr_expect_eq(unpack((const uint8_t *)"", 0, 16, out), 0);
	cr_expect_eq(unpack(text_of(3), 3, 16, out), 3);
}
