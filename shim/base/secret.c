/* SPDX-License-Identifier: Apache-2.0
 *
 * SipHash, for inputs of whole words.
 */
#include "shim/base/secret.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

static uint64_t key[2], salt;

void secret_begin(void)
{
	const void *at_random = (void *)getauxval(AT_RANDOM);

	/* Early in a machine's life the kernel may have nothing to give. */
	if (getrandom(key, sizeof(key), GRND_NONBLOCK) != sizeof(key) &&
	    at_random)
		memcpy(key, at_random, sizeof(key));
	salt = secret_hash(NULL, 0);
}

uint64_t secret_word(void)
{
	return salt;
}

static uint64_t rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], int count)
{
	while (count--) {
		v[0] += v[1], v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0], v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1], v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2], v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_rounds(v, 2);
	v[0] ^= word;
}

uint64_t secret_hash_under(const uint64_t under[2], const uint64_t *words,
			   size_t count)
{
	uint64_t v[4] = {
		under[0] ^ 0x736f6d6570736575,
		under[1] ^ 0x646f72616e646f6d,
		under[0] ^ 0x6c7967656e657261,
		under[1] ^ 0x7465646279746573,
	};

	for (size_t i = 0; i < count; i++)
		absorb(v, words[i]);
	absorb(v, (uint64_t)count * sizeof(*words) << 56);
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t secret_hash(const uint64_t *words, size_t count)
{
	return secret_hash_under(key, words, count);
}
