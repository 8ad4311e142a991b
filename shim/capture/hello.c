/* SPDX-License-Identifier: Apache-2.0
 *
 * One record at a time.
 */
#include "shim/capture/hello.h"

#include <string.h>

#include "proto/common.h"

#define HEADER 5 /* of a record: type, version, length */

enum { CHANGE_CIPHER_SPEC = 20, HANDSHAKE = 22, APPLICATION_DATA = 23 };
enum { CLIENT_HELLO = 1, SERVER_HELLO = 2 };

/* A hello's octets up to its random number, each from, to. The version of the record
 * is anything of TLS; that within is at most TLS 1.2's. */
static const uint8_t shape[][2] = {
	{ HANDSHAKE, HANDSHAKE },
	{ 3, 3 },
	{ 0, 4 },
	{ 0, 64 }, /* the record's length: 16 KiB at most */
	{ 0, 255 },
	{ CLIENT_HELLO, SERVER_HELLO },
	{ 0, 0 }, /* the message's: 64 KiB at most */
	{ 0, 255 },
	{ 0, 255 },
	{ 3, 3 },
	{ 0, 3 },
};

/* SHA-256 of "HelloRetryRequest": RFC 8446 4.1.3. */
static const uint8_t retry[HELLO_RANDOM] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
	0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
	0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

static bool has_shape(const uint8_t *octets, size_t size)
{
	for (size_t i = 0; i < size && i < ARRAY_SIZE(shape); i++)
		if (octets[i] < shape[i][0] || octets[i] > shape[i][1])
			return false;
	return true;
}

static enum hello_record read_hello(const uint8_t *octets, size_t size,
				    struct hello *hello)
{
	if (size < HELLO_SEEN_MAX)
		return HELLO_MORE;
	if (hello->record < HELLO_SEEN_MAX)
		return HELLO_NOT_TLS;
	hello->server = octets[HEADER] == SERVER_HELLO;
	memcpy(hello->random, octets + HELLO_SEEN_MAX - HELLO_RANDOM,
	       HELLO_RANDOM);
	return hello->server && !memcmp(hello->random, retry, HELLO_RANDOM)
		       ? HELLO_OTHER
		       : HELLO_FOUND;
}

enum hello_record hello_read(const uint8_t *octets, size_t size, bool first,
			     struct hello *hello)
{
	if (size && !first && octets[0] >= CHANGE_CIPHER_SPEC &&
	    octets[0] <= APPLICATION_DATA && octets[0] != HANDSHAKE) {
		if (size < HEADER)
			return HELLO_MORE;
		hello->record = HEADER + (octets[3] << 8 | octets[4]);
		return HELLO_OTHER;
	}
	if (!has_shape(octets, size))
		return HELLO_NOT_TLS;
	hello->record =
		size < HEADER ? 0 : HEADER + (octets[3] << 8 | octets[4]);
	return read_hello(octets, size, hello);
}
