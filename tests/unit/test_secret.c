/* SPDX-License-Identifier: Apache-2.0
 *
 * SipHash beside OpenSSL's.
 */
#include <criterion/criterion.h>

#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/base/secret.h"

static uint64_t openssl(const uint64_t key[2], const uint64_t *words,
			size_t count)
{
	size_t size = 8;
	OSSL_PARAM params[] = { OSSL_PARAM_construct_size_t("size", &size),
				OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
	uint64_t hash = 0;

	cr_assert(EVP_MAC_init(context, (const uint8_t *)key, 16, params));
	EVP_MAC_update(context, (const uint8_t *)words, count * 8);
	cr_assert(EVP_MAC_final(context, (uint8_t *)&hash, &size, 8));
	EVP_MAC_CTX_free(context);
	EVP_MAC_free(mac);
	return hash;
}

Test(secret, is_siphash)
{
	for (size_t count = 0; count < 6; count++) {
		uint64_t key[2] = { random(), ~random() }, words[6];

		for (size_t i = 0; i < count; i++)
			words[i] = (uint64_t)random() << 33 | random();
		cr_assert_eq(secret_hash_under(key, words, count),
			     openssl(key, words, count), "%zu words", count);
	}
}

/* What two processes make of one word, of which the other is a child. */
static bool agrees_with_child(bool anew)
{
	const uint64_t word = 4711, hash = secret_hash(&word, 1);
	int status;
	pid_t child = fork();

	if (!child) {
		if (anew)
			secret_begin();
		_exit(secret_hash(&word, 1) != hash);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return status == 0;
}

Test(secret, is_shared_by_forks_only)
{
	secret_begin();
	cr_assert(agrees_with_child(false));
	cr_assert_not(agrees_with_child(true));
}
