/* SPDX-License-Identifier: Apache-2.0
 *
 * Collectors on TLS: nothing is sent before their certificate is accepted.
 */
#include "shim/tap/transport/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "shim/tap/transport/certificates.h"

#define NAME_SIZE_MAX 256

static struct tls *tls_of(struct transport *transport)
{
	return (struct tls *)transport;
}

/* The name that the certificate must bear. */
static const char *expected_name(const struct tap_config *config,
				 char name[NAME_SIZE_MAX])
{
	const char *from = config->tls_servername ? config->tls_servername
						  : config->address;

	snprintf(name, NAME_SIZE_MAX, "%s", *from ? from : "localhost");
	name[strcspn(name, "%")] = '\0'; /* an IPv6 address's zone */
	return name;
}

static bool is_address(const char *name)
{
	struct in6_addr out;

	return inet_pton(AF_INET, name, &out) == 1 ||
	       inet_pton(AF_INET6, name, &out) == 1;
}

static int out_of_memory(struct transport *transport)
{
	transport_socket_close(transport);
	return -ENOMEM;
}

/* RFC 6066 3: an address is not sent as a server's name. RFC 9525 6.3: the common
 * name is no name to go by, nor is a part of a label a wildcard. */
static int begin_handshake(struct tls *tls)
{
	struct transport *transport = &tls->tcp.transport;
	char name[NAME_SIZE_MAX];

	tls->ssl = SSL_new(tls->context);
	if (!tls->ssl || SSL_set_fd(tls->ssl, transport->fd) != 1)
		return out_of_memory(transport);
	expected_name(transport->config, name);
	X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);
	X509_VERIFY_PARAM_set_hostflags(
		param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
			       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	int good = is_address(name)
			   ? X509_VERIFY_PARAM_set1_ip_asc(param, name)
			   : X509_VERIFY_PARAM_set1_host(param, name, 0);
	if (good && !is_address(name))
		good = SSL_set_tlsext_host_name(tls->ssl, name) == 1;
	if (!good)
		return out_of_memory(transport);
	SSL_set_connect_state(tls->ssl);
	return 0;
}

/* Why the certificate of the other side is not accepted. */
static void explain_certificate(struct tls *tls)
{
	struct transport *transport = &tls->tcp.transport;
	const struct tap_config *config = transport->config;
	long result = SSL_get_verify_result(tls->ssl);
	const X509 *shown = sk_X509_value(SSL_get_peer_cert_chain(tls->ssl), 0);
	bool nameless =
		result == X509_V_ERR_HOSTNAME_MISMATCH && shown &&
		X509_get_ext_by_NID(shown, NID_subject_alt_name, -1) < 0;
	char name[NAME_SIZE_MAX];

	snprintf(transport->error, TRANSPORT_ERROR_MAX,
		 "the certificate is not accepted for %.120s: %s%s",
		 config->listen ? "a collector" : expected_name(config, name),
		 X509_verify_cert_error_string(result),
		 nameless ? " (it has no subjectAltName)" : "");
}

/* What the last error of this thread says. */
static void explain(struct tls *tls)
{
	struct transport *transport = &tls->tcp.transport;
	const struct tap_config *config = transport->config;
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);
	const char *alert = reason ? strstr(reason, " alert ") : NULL;

	if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		explain_certificate(tls);
	else if (alert)
		snprintf(transport->error, TRANSPORT_ERROR_MAX,
			 "refused by the collector's TLS: %s%s",
			 alert + strlen(" alert "),
			 strstr(alert, "certificate") && !config->tls_cert
				 ? " (tls CERT KEY is not set)"
				 : "");
	else
		snprintf(transport->error, TRANSPORT_ERROR_MAX, "TLS: %s",
			 reason ? reason : "hung up");
}

/* What OpenSSL's `result` of a call stands for: 0 for an orderly end, -EAGAIN,
 * or -errno and an explanation. */
static int error_of(struct tls *tls, int result)
{
	struct transport *transport = &tls->tcp.transport;
	int error = errno;

	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		transport->events = POLLIN;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		transport->events = POLLOUT;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return error ? -error : -ECONNRESET;
	default:
		explain(tls);
		return -EPROTO;
	}
}

int tls_shake_hands(struct tls *tls)
{
	char about[64];

	ERR_clear_error();
	errno = 0;
	int result = SSL_do_handshake(tls->ssl);
	if (result != 1) {
		int error = error_of(tls, result);
		return error ? error : -ECONNRESET;
	}
	snprintf(about, sizeof(about), "connected by %s",
		 SSL_get_version(tls->ssl));
	tcp_describe(&tls->tcp.transport, about);
	return 0;
}

static int tls_open(struct transport *transport)
{
	struct tls *tls = tls_of(transport);

	if (!tls->context)
		tls->context = certificates_context(transport->config,
						    transport->prepared,
						    transport->error);
	return tls->context ? tcp_open(transport) : -EINVAL;
}

static int tls_establish(struct transport *transport)
{
	struct tls *tls = tls_of(transport);

	if (!tls->ssl) {
		int error = tcp_establish(transport);
		error = error ? error : begin_handshake(tls);
		if (error)
			return error;
	}
	return tls_shake_hands(tls);
}

ssize_t tls_read(struct transport *transport, void *data, size_t size)
{
	struct tls *tls = tls_of(transport);
	short events = transport->events;

	ERR_clear_error();
	errno = 0;
	int n = SSL_read(tls->ssl, data, (int)size);
	if (n > 0)
		return n;
	n = error_of(tls, n);
	transport->events = events; /* it is for write to say */
	return n;
}

ssize_t tls_write(struct transport *transport, const void *data, size_t size)
{
	struct tls *tls = tls_of(transport);

	ERR_clear_error();
	errno = 0;
	int n = SSL_write(tls->ssl, data, (int)size);
	if (n > 0)
		return n;
	n = error_of(tls, n);
	return n ? n : -EPIPE;
}

void tls_close(struct transport *transport)
{
	struct tls *tls = tls_of(transport);

	if (tls->ssl && transport->fd >= 0 && SSL_is_init_finished(tls->ssl)) {
		ERR_clear_error();
		SSL_shutdown(tls->ssl);
	}
	SSL_free(tls->ssl);
	tls->ssl = NULL;
	transport_socket_close(transport);
}

static void tls_end(struct transport *transport)
{
	certificates_free(tls_of(transport)->context);
	tcp_end(transport);
}

const struct transport_ops transport_tls = {
	.size = sizeof(struct tls),
	.prepare = certificates_prepare,
	.unprepare = certificates_unprepare,
	.differ = certificates_differ,
	.try = certificates_try,
	.begin = tcp_begin,
	.end = tls_end,
	.open = tls_open,
	.establish = tls_establish,
	.read = tls_read,
	.write = tls_write,
	.close = tls_close,
};
