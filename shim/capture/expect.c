/* SPDX-License-Identifier: Apache-2.0
 *
 * By the port, by the name that both sides of a TLS connection have agreed on, and by
 * what the other side has said until now.
 */
#include "shim/capture/expect.h"

#include "shim/capture/http_pair.h"
#include "shim/capture/side.h"

static const struct proxies *believed = &proxies_anybody;

/* RFC 7858 3.1. */
#define DNS_OVER_TLS 853

static bool is_for_dns(uint16_t port)
{
	return port == DNS_OVER_TLS ||
	       socket_info_has_port(capture_ports->dns, port);
}

/* What a server answers with tells what its clients may have said: by itself a request
 * of HTTP reads as a message of thousands of octets, in which and behind which a
 * client could write what no server has read. */
static uint8_t expect_unnamed(const struct capture_call *call)
{
	struct capture_call other = *call;

	if (http_pair_waits(call))
		return STREAM_MAY_HTTP;
	if (call->sent)
		return STREAM_MAY_HTTP | STREAM_MAY_DNS;
	other.sent = true;
	struct fd_stream *side = side_of(&other);
	if (!call->info.serves ||
	    (side && side_now(side, &other) > STREAM_HELD))
		return STREAM_MAY_DNS;
	return STREAM_MAY_WAIT | STREAM_MAY_DNS |
	       (is_for_dns(call->info.local.port) ? 0 : STREAM_MAY_HTTP);
}

/* At a port of TLS the hello of this process's side tells of the session; at one of
 * DNS anybody may begin like one, or have it passed on. */
uint8_t expect(const struct capture_call *call)
{
	switch (call->protocol) {
	case TLS_NONE:
		if (call->kind == FD_STREAM)
			return STREAM_MAY_DNS;
		return call->sent ? STREAM_MAY_TLS : 0;
	case TLS_DNS:
		return STREAM_MAY_DNS;
	case TLS_UNNAMED:
		return expect_unnamed(call);
	default:
		return STREAM_MAY_HTTP;
	}
}

/* Received, a header comes from a proxy before this server; sent, it is this one
 * that is the proxy, and what it says stands in what it has received. One that is not
 * believed is what the server has read, as anything else. */
uint8_t expect_first(const struct capture_call *call)
{
	bool may = call->sent
			   ? !call->info.serves
			   : call->info.serves &&
				     proxies_have(believed, &call->info.remote);

	return may ? STREAM_MAY_PROXY : 0;
}

void expect_proxies(const struct proxies *proxies)
{
	believed = proxies;
}
