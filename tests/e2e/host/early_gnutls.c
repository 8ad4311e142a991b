/* SPDX-License-Identifier: Apache-2.0
 *
 * As early_data.c, by GnuTLS, which hands out early data behind the handshake.
 */
#include "host.h"

#include <gnutls/gnutls.h>

#define CERTIFICATE "authority/server.pem"
#define KEY         "authority/server.key"
#define EARLY_MAX   4096

static gnutls_certificate_credentials_t credentials;
static gnutls_anti_replay_t replays;
static gnutls_datum_t tickets;

/* None has been seen before. */
static int add(void *nothing, time_t ends, const gnutls_datum_t *key,
	       const gnutls_datum_t *data)
{
	(void)nothing, (void)ends, (void)key, (void)data;
	return 0;
}

static void answer(gnutls_session_t session, unsigned char *octets,
		   ssize_t size)
{
	MUST(size > 14);
	octets[4] |= 0x80;
	MUST(gnutls_record_send(session, octets, size) == size);
}

/* Early data, if there is any, and then one query more. */
static void serve(int fd, bool early)
{
	unsigned char octets[EARLY_MAX];
	gnutls_session_t session;
	int result;

	MUST(!gnutls_init(&session, GNUTLS_SERVER | GNUTLS_ENABLE_EARLY_DATA));
	MUST(!gnutls_set_default_priority(session));
	MUST(!gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE,
				     credentials));
	MUST(!gnutls_session_ticket_enable_server(session, &tickets));
	MUST(!gnutls_record_set_max_early_data_size(session, EARLY_MAX));
	gnutls_anti_replay_enable(session, replays);
	gnutls_transport_set_int(session, fd);
	do
		result = gnutls_handshake(session);
	while (result < 0 && !gnutls_error_is_fatal(result));
	MUST(!result);
	if (early)
		answer(session, octets,
		       gnutls_record_recv_early_data(session, octets,
						     sizeof(octets)));
	answer(session, octets,
	       gnutls_record_recv(session, octets, sizeof(octets)));
	MUST(gnutls_record_recv(session, octets, sizeof(octets)) <= 0);
	gnutls_deinit(session);
	close(fd);
}

static void play(void)
{
	int listener = host_socket_at(SOCK_STREAM, 853);

	MUST(!gnutls_certificate_allocate_credentials(&credentials));
	MUST(!gnutls_certificate_set_x509_key_file(credentials, CERTIFICATE,
						   KEY, GNUTLS_X509_FMT_PEM));
	MUST(!gnutls_session_ticket_key_generate(&tickets));
	MUST(!gnutls_anti_replay_init(&replays));
	gnutls_anti_replay_set_add_function(replays, add);
	for (int i = 0; i < 2; i++)
		serve(accept(listener, NULL, NULL), i);
}

static const struct scene scenes[] = {
	{ "two", play },
};

HOST_MAIN(scenes)
