/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls of TLS libraries, each once: OpenSSL's (ssl(7)) and GnuTLS's (the
 * reference of its API), of the host, which are never linked. Expanded like calls.h.
 *
 * TLS_CALL(library, name, result, arguments): hooked, by hook_name; clear text passes,
 *   or it is the beginning or the end of the session.
 * TLS_ASK(library, name, result, arguments): asked of a session.
 *
 * Sessions and what else is theirs are `void *` here: nothing of it is looked into.
 */
#ifndef TLS_CALL
#define TLS_CALL(library, name, result, arguments)
#endif
#ifndef TLS_ASK
#define TLS_ASK(library, name, result, arguments)
#endif

TLS_CALL(OPENSSL, SSL_read, int, (void *ssl, void *to, int size))
TLS_CALL(OPENSSL, SSL_read_ex, int,
	 (void *ssl, void *to, size_t size, size_t *done))
TLS_CALL(OPENSSL, SSL_write, int, (void *ssl, const void *from, int size))
TLS_CALL(OPENSSL, SSL_write_ex, int,
	 (void *ssl, const void *from, size_t size, size_t *done))
TLS_CALL(OPENSSL, SSL_read_early_data, int,
	 (void *ssl, void *to, size_t size, size_t *done))
TLS_CALL(OPENSSL, SSL_write_early_data, int,
	 (void *ssl, const void *from, size_t size, size_t *done))
TLS_CALL(OPENSSL, SSL_do_handshake, int, (void *ssl))
TLS_CALL(OPENSSL, SSL_accept, int, (void *ssl))
TLS_CALL(OPENSSL, SSL_connect, int, (void *ssl))
TLS_CALL(OPENSSL, SSL_free, void, (void *ssl))
TLS_CALL(OPENSSL, SSL_clear, int, (void *ssl))
TLS_ASK(OPENSSL, SSL_in_before, int, (const void *ssl))
TLS_ASK(OPENSSL, SSL_is_server, int, (const void *ssl))
TLS_ASK(OPENSSL, SSL_get_rfd, int, (const void *ssl))
TLS_ASK(OPENSSL, SSL_get_wfd, int, (const void *ssl))
TLS_ASK(OPENSSL, SSL_get_client_random, size_t,
	(const void *ssl, unsigned char *to, size_t size))
TLS_ASK(OPENSSL, SSL_get_server_random, size_t,
	(const void *ssl, unsigned char *to, size_t size))
TLS_ASK(OPENSSL, SSL_get0_alpn_selected, void,
	(const void *ssl, const unsigned char **name, unsigned *size))

TLS_CALL(GNUTLS, gnutls_record_recv, ssize_t,
	 (void *session, void *to, size_t size))
TLS_CALL(GNUTLS, gnutls_record_recv_seq, ssize_t,
	 (void *session, void *to, size_t size, unsigned char *sequence))
TLS_CALL(GNUTLS, gnutls_record_recv_early_data, ssize_t,
	 (void *session, void *to, size_t size))
TLS_CALL(GNUTLS, gnutls_record_send, ssize_t,
	 (void *session, const void *from, size_t size))
TLS_CALL(GNUTLS, gnutls_record_send2, ssize_t,
	 (void *session, const void *from, size_t size, size_t pad,
	  unsigned flags))
TLS_CALL(GNUTLS, gnutls_handshake, int, (void *session))
TLS_CALL(GNUTLS, gnutls_deinit, void, (void *session))
TLS_ASK(GNUTLS, gnutls_session_get_random, void,
	(void *session, struct tls_datum *client, struct tls_datum *server))
TLS_ASK(GNUTLS, gnutls_alpn_get_selected_protocol, int,
	(void *session, struct tls_datum *name))

#undef TLS_CALL
#undef TLS_ASK
