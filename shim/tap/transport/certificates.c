/* SPDX-License-Identifier: Apache-2.0
 *
 * Files are read at the beginning and kept as text: to take one certificate apart
 * costs 3 ms, and the system's 140 authorities 60, too much for every program that
 * starts.
 */
#include "shim/tap/transport/certificates.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/common.h"
#include "shim/tap/worker.h"

#define FILE_SIZE_MAX (16 << 20)

struct text {
	const char *path; /* NULL: none */
	char *octets;
	size_t size;
};

struct prepared {
	struct text cert, key, ca;
	struct text system; /* where no ca is named */
};

/* Where systems keep their authorities in one file: Debian, Red Hat, SUSE,
 * Alpine and the BSDs. */
static const char *const system_files[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

static int read_all(int fd, struct text *text)
{
	struct stat about;

	if (fstat(fd, &about))
		return -errno;
	if (!S_ISREG(about.st_mode) || about.st_size > FILE_SIZE_MAX)
		return -EFBIG;
	text->octets = malloc(about.st_size + 1);
	if (!text->octets)
		return -ENOMEM;
	while (text->size < (size_t)about.st_size) {
		ssize_t n = read(fd, text->octets + text->size,
				 about.st_size - text->size);
		if (n <= 0)
			break;
		text->size += n;
	}
	return 0;
}

/* Opened only to be read: closed before the host can know. */
static int read_text(const char *path, struct text *text, char *error)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

	if (!path)
		return 0;
	int result = fd < 0 ? -errno : read_all(fd, text);
	if (fd >= 0)
		close(fd);
	if (result && error)
		snprintf(error, TRANSPORT_ERROR_MAX, "%.180s: %s", path,
			 strerror(-result));
	text->path = result ? NULL : path;
	return result;
}

/* Without it, OpenSSL's own directory of authorities remains. */
static void read_system(struct text *text)
{
	const char *named = getenv("SSL_CERT_FILE");

	if (named && !read_text(named, text, NULL))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(system_files); i++)
		if (!read_text(system_files[i], text, NULL))
			return;
}

/* Why OpenSSL refuses a file. */
static bool refuse(const struct text *text, const char *expected, char *error)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(error, TRANSPORT_ERROR_MAX, "%.150s: expected %s%s%s",
		 text->path, expected, reason ? ": " : "",
		 reason ? reason : "");
	return false;
}

/* Nobody is there to be asked for a passphrase. */
static int no_passphrase(char *out, int size, int writing, void *data)
{
	(void)out, (void)size, (void)writing, (void)data;
	return -1;
}

static X509 *next_certificate(SSL_CTX *context, BIO *from)
{
	X509 *certificate =
		worker_hurries()
			? NULL
			: X509_new_ex(SSL_CTX_get_app_data(context), NULL);

	if (certificate &&
	    !PEM_read_bio_X509(from, &certificate, no_passphrase, NULL)) {
		X509_free(certificate);
		return NULL;
	}
	return certificate;
}

static bool use_chain(SSL_CTX *context, const struct text *text, char *error)
{
	BIO *from = BIO_new_mem_buf(text->octets, (int)text->size);
	X509 *certificate = next_certificate(context, from);
	bool good = certificate &&
		    SSL_CTX_use_certificate(context, certificate) == 1;

	if (!good)
		refuse(text, "a certificate in PEM", error);
	X509_free(certificate);
	while (good && (certificate = next_certificate(context, from))) {
		SSL_CTX_add1_chain_cert(context, certificate);
		X509_free(certificate);
	}
	BIO_free(from);
	return good;
}

static bool use_key(SSL_CTX *context, const struct text *text, char *error)
{
	BIO *from = BIO_new_mem_buf(text->octets, (int)text->size);
	EVP_PKEY *key =
		PEM_read_bio_PrivateKey_ex(from, NULL, no_passphrase, NULL,
					   SSL_CTX_get_app_data(context), NULL);
	bool good = key && SSL_CTX_use_PrivateKey(context, key) == 1;

	BIO_free(from);
	EVP_PKEY_free(key);
	if (!key)
		return refuse(text, "a key in PEM, without a passphrase",
			      error);
	return good && SSL_CTX_check_private_key(context) == 1
		       ? true
		       : refuse(text, "the certificate's key", error);
}

static bool trust(SSL_CTX *context, const struct text *text, char *error)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	BIO *from = BIO_new_mem_buf(text->octets, (int)text->size);
	X509 *certificate;
	size_t count = 0;

	while ((certificate = next_certificate(context, from))) {
		count += X509_STORE_add_cert(store, certificate) == 1;
		/* Whom a client may come from, for its choice. */
		SSL_CTX_add_client_CA(context, certificate);
		X509_free(certificate);
	}
	BIO_free(from);
	return count ? true : refuse(text, "certificates in PEM", error);
}

/* Of the listening side only what a CA is named for is verified. */
static bool set_verification(SSL_CTX *context, const struct tap_config *config,
			     const struct prepared *prepared, char *error)
{
	int mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;

	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context),
				    X509_V_FLAG_PARTIAL_CHAIN);
	if (prepared->ca.path && !trust(context, &prepared->ca, error))
		return false;
	if (config->skip_verify || (config->listen && !prepared->ca.path))
		mode = SSL_VERIFY_NONE;
	else if (!prepared->ca.path && !prepared->system.path)
		SSL_CTX_set_default_verify_paths(context);
	else if (!prepared->ca.path)
		trust(context, &prepared->system, error);
	SSL_CTX_set_verify(context, mode, NULL);
	return true;
}

static bool fill(SSL_CTX *context, const struct tap_config *config,
		 const struct prepared *prepared, char *error)
{
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF |
					     SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(context, 0);
	if (prepared->cert.path &&
	    (!use_chain(context, &prepared->cert, error) ||
	     !use_key(context, &prepared->key, error)))
		return false;
	return set_verification(context, config, prepared, error);
}

SSL_CTX *certificates_context(const struct tap_config *config,
			      const struct prepared *prepared, char *error)
{
	/* Neither its end nor its configuration file is this process's. */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CONFIG,
			 NULL);
	ERR_set_mark();
	OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
	SSL_CTX *context =
		library ? SSL_CTX_new_ex(library, NULL, TLS_method()) : NULL;
	bool good = false;

	if (context) {
		SSL_CTX_set_app_data(context, library);
		good = fill(context, config, prepared, error);
	} else {
		OSSL_LIB_CTX_free(library);
		snprintf(error, TRANSPORT_ERROR_MAX, "TLS: %s",
			 strerror(ENOMEM));
	}
	ERR_pop_to_mark();
	if (worker_hurries()) {
		snprintf(error, TRANSPORT_ERROR_MAX, "%s", strerror(ECANCELED));
		good = false;
	}
	if (!good && context)
		certificates_free(context);
	return good ? context : NULL;
}

void certificates_free(SSL_CTX *context)
{
	OSSL_LIB_CTX *library = context ? SSL_CTX_get_app_data(context) : NULL;

	/* A hundred authorities are 100,000 pieces of memory. */
	if (worker_hurries())
		return;
	SSL_CTX_free(context);
	OSSL_LIB_CTX_free(library);
}

void certificates_unprepare(struct prepared *prepared)
{
	if (!prepared)
		return;
	free(prepared->cert.octets);
	free(prepared->key.octets);
	free(prepared->ca.octets);
	free(prepared->system.octets);
	free(prepared);
}

/* What cannot be read any more, as in a chroot, is as it was. */
static bool differs(const struct text *then, const struct text *now)
{
	return now->path && (!then->path || then->size != now->size ||
			     memcmp(then->octets, now->octets, now->size));
}

bool certificates_differ(const struct prepared *then,
			 const struct prepared *now)
{
	return differs(&then->cert, &now->cert) ||
	       differs(&then->key, &now->key) || differs(&then->ca, &now->ca) ||
	       differs(&then->system, &now->system);
}

int certificates_try(const struct tap_config *config,
		     const struct prepared *prepared, char *error)
{
	struct tap_config unverified = *config;

	if (!config->tls_cert && !config->tls_ca)
		return 0;
	unverified.skip_verify = true;
	SSL_CTX *context = certificates_context(&unverified, prepared, error);
	certificates_free(context);
	return context ? 0 : -EINVAL;
}

int certificates_prepare(const struct tap_config *config,
			 struct prepared **prepared, char *error)
{
	struct prepared *made = calloc(1, sizeof(*made));

	if (!made)
		return -ENOMEM;
	int result = read_text(config->tls_cert, &made->cert, error);
	if (!result)
		result = read_text(config->tls_key, &made->key, error);
	if (!result)
		result = read_text(config->tls_ca, &made->ca, error);
	if (result) {
		certificates_unprepare(made);
		return result;
	}
	if (!config->tls_ca && !config->skip_verify && !config->listen)
		read_system(&made->system);
	*prepared = made;
	return 0;
}
