/* SPDX-License-Identifier: Apache-2.0
 *
 * zlib and libzstd, one buffer before either.
 */
#include "cli/read/decompress.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "proto/common.h"

#define ROOM       (64 << 10)
#define MAGIC_SIZE 4         /* octets by which the longest is known */
#define GZIP       (15 + 16) /* of inflateInit2: the largest window, gzip's head */

struct codec;

struct decompress {
	const struct codec *codec; /* NULL: not known yet */
	z_stream zlib;
	ZSTD_DCtx *zstd;
	bool within;  /* a member or frame has begun and not ended */
	bool pending; /* the output was too small */
	size_t begin, end;
	uint8_t in[ROOM];
};

/* Takes from in[begin..end] and returns the octets put out, or -errno. */
typedef ssize_t codec_fn(struct decompress *decompress, void *out, size_t size);

struct codec {
	uint8_t magic[MAGIC_SIZE];
	size_t magic_size;
	int (*begin)(struct decompress *decompress);
	codec_fn *step;
};

/* What is not compressed is handed on. */
static ssize_t step_plain(struct decompress *decompress, void *out, size_t size)
{
	size_t have = decompress->end - decompress->begin;

	if (have > size)
		have = size;
	memcpy(out, decompress->in + decompress->begin, have);
	decompress->begin += have;
	return (ssize_t)have;
}

static int begin_gzip(struct decompress *decompress)
{
	return inflateInit2(&decompress->zlib, GZIP) == Z_OK ? 0 : -ENOMEM;
}

/* Members may stand one behind the other. */
static ssize_t step_gzip(struct decompress *decompress, void *out, size_t size)
{
	z_stream *zlib = &decompress->zlib;
	int result = Z_OK;

	zlib->next_in = decompress->in + decompress->begin;
	zlib->avail_in = (unsigned)(decompress->end - decompress->begin);
	zlib->next_out = out;
	zlib->avail_out = (unsigned)size;
	while (zlib->avail_out && (zlib->avail_in || decompress->within)) {
		decompress->within = true;
		result = inflate(zlib, Z_NO_FLUSH);
		if (result == Z_STREAM_END) {
			decompress->within = false;
			inflateReset(zlib);
		} else if (result != Z_OK) {
			break;
		}
	}
	decompress->begin = decompress->end - zlib->avail_in;
	if (result == Z_MEM_ERROR)
		return -ENOMEM;
	if (result == Z_DATA_ERROR || result == Z_NEED_DICT)
		return -EBADMSG;
	return (ssize_t)(size - zlib->avail_out);
}

static int begin_zstd(struct decompress *decompress)
{
	decompress->zstd = ZSTD_createDCtx();
	return decompress->zstd ? 0 : -ENOMEM;
}

static ssize_t step_zstd(struct decompress *decompress, void *out, size_t size)
{
	ZSTD_inBuffer in = { decompress->in, decompress->end,
			     decompress->begin };
	ZSTD_outBuffer result = { out, size, 0 };

	if (in.pos == in.size && !decompress->within)
		return 0;
	do {
		size_t produced = result.pos, taken = in.pos,
		       left = ZSTD_decompressStream(decompress->zstd, &result,
						    &in);

		if (ZSTD_isError(left))
			return -EBADMSG;
		decompress->within = left > 0;
		if (result.pos == produced && in.pos == taken)
			break;
	} while (result.pos < size && in.pos < in.size);
	decompress->begin = in.pos;
	return (ssize_t)result.pos;
}

static const struct codec plain = { .step = step_plain };
static const struct codec codecs[] = {
	{ { 0x1f, 0x8b }, 2, begin_gzip, step_gzip },
	{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, begin_zstd, step_zstd },
};

struct decompress *decompress_new(void)
{
	return calloc(1, sizeof(struct decompress));
}

void decompress_restart(struct decompress *decompress)
{
	inflateEnd(&decompress->zlib);
	ZSTD_freeDCtx(decompress->zstd);
	*decompress = (struct decompress){ 0 };
}

void decompress_free(struct decompress *decompress)
{
	if (decompress)
		decompress_restart(decompress);
	free(decompress);
}

static int choose(struct decompress *decompress)
{
	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
		const struct codec *codec = &codecs[i];

		if (decompress->end < codec->magic_size ||
		    memcmp(decompress->in, codec->magic, codec->magic_size))
			continue;
		decompress->codec = codec;
		return codec->begin(decompress);
	}
	decompress->codec = &plain;
	return 0;
}

/* Reads behind what is there. Returns as read(2), but -errno. */
static ssize_t fill(struct decompress *decompress, int fd)
{
	ssize_t got;

	if (decompress->begin == decompress->end)
		decompress->begin = decompress->end = 0;
	got = read(fd, decompress->in + decompress->end,
		   ROOM - decompress->end);
	if (got < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	decompress->end += (size_t)got;
	return got;
}

ssize_t decompress_read(struct decompress *decompress, int fd, void *out,
			size_t size)
{
	ssize_t got = 1;

	if (!decompress->pending)
		got = fill(decompress, fd);
	if (got < 0)
		return got;
	if (got == 0 && decompress->begin == decompress->end)
		return decompress->within ? -EBADMSG : 0;
	if (!decompress->codec && got && decompress->end < MAGIC_SIZE)
		return -EAGAIN;
	if (!decompress->codec && choose(decompress) < 0)
		return -ENOMEM;
	got = decompress->codec->step(decompress, out, size);
	decompress->pending = got == (ssize_t)size;
	return got ? got : -EAGAIN;
}

bool decompress_pending(const struct decompress *decompress)
{
	return decompress->pending;
}

bool decompress_is_used(const struct decompress *decompress)
{
	return decompress->codec && decompress->codec != &plain;
}
