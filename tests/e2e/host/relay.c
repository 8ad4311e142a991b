/* SPDX-License-Identifier: Apache-2.0
 *
 * A DNS server whose messages pass through no socket that the library reads as DNS: a
 * relay from a unix socket, each of whose datagrams is a message behind 12 octets that
 * tell who asks, to an upstream that it asks at a port of its own. It gives all four
 * messages of an exchange by itself, and in its metadata how many it has relayed.
 */
#include "host.h"

#include <sys/un.h>

#include "shim/api/dnstapshim.h"

#define CLIENT   12 /* 4 octets of address, 2 of port, 6 of anything */
#define UPSTREAM 53 /* which is none of the library's ports */

static struct sockaddr_in upstream, own;
static unsigned relayed;

struct exchange {
	const uint8_t *client, *query;
	size_t query_size;
	struct timespec asked, sent; /* by the client; to the upstream */
};

static struct timespec now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time;
}

static void give(const struct dnstapshim_message *message)
{
	char number[16];
	struct dnstapshim_pair pair = { "relay/number", number };

	snprintf(number, sizeof(number), "%u", relayed);
	MUST(dnstapshim_tap_message_with_metadata(DNSTAPSHIM_ALL, message,
						  &pair, 1) == 0);
}

/* What the client's messages have in common. */
static struct dnstapshim_message of_client(const struct exchange *exchange)
{
	static const uint8_t self[] = { 192, 0, 2, 53 };

	return (struct dnstapshim_message){
		.size = sizeof(struct dnstapshim_message),
		.family = DNSTAPSHIM_INET,
		.protocol = DNSTAPSHIM_DOQ,
		.query_address = exchange->client,
		.query_port = exchange->client[4] << 8 | exchange->client[5],
		.response_address = self,
		.response_port = 853,
		.query_time = &exchange->asked,
		.query = exchange->query,
		.query_size = exchange->query_size,
	};
}

static struct dnstapshim_message of_upstream(const struct exchange *exchange)
{
	return (struct dnstapshim_message){
		.size = sizeof(struct dnstapshim_message),
		.family = DNSTAPSHIM_INET,
		.protocol = DNSTAPSHIM_DNSCRYPT_UDP,
		.query_address = &own.sin_addr,
		.query_port = ntohs(own.sin_port),
		.response_address = &upstream.sin_addr,
		.response_port = UPSTREAM,
		.query_time = &exchange->sent,
		.query = exchange->query,
		.query_size = exchange->query_size,
	};
}

static void give_query(const struct exchange *exchange)
{
	struct dnstapshim_message first = of_client(exchange),
				  second = of_upstream(exchange);

	first.type = DNSTAPSHIM_CLIENT_QUERY;
	give(&first);
	second.type = DNSTAPSHIM_FORWARDER_QUERY;
	give(&second);
}

static void give_response(const struct exchange *exchange,
			  const uint8_t *response, size_t size)
{
	struct dnstapshim_message first = of_upstream(exchange),
				  second = of_client(exchange);
	struct timespec time = now();

	first.type = DNSTAPSHIM_FORWARDER_RESPONSE;
	second.type = DNSTAPSHIM_CLIENT_RESPONSE;
	first.response = second.response = response;
	first.response_size = second.response_size = size;
	first.response_time = second.response_time = &time;
	give(&first);
	give(&second);
}

static void relay(int front, int back)
{
	static uint8_t query[70000], response[70000];
	struct sockaddr_un peer;
	socklen_t peer_size = sizeof(peer);
	ssize_t size = recvfrom(front, query, sizeof(query), 0, (void *)&peer,
				&peer_size);
	struct exchange exchange = { .client = query,
				     .query = query + CLIENT,
				     .query_size = size - CLIENT,
				     .asked = now() };

	MUST(size > CLIENT);
	exchange.sent = now();
	MUST(send(back, exchange.query, exchange.query_size, 0) ==
	     (ssize_t)exchange.query_size);
	give_query(&exchange);
	size = recv(back, response, sizeof(response), 0);
	MUST(size > 0);
	give_response(&exchange, response, size);
	relayed++;
	sendto(front, response, size, 0, (void *)&peer, peer_size);
}

int main(int argc, char **argv)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int front = socket(AF_UNIX, SOCK_DGRAM, 0);
	int back = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t size = sizeof(own);

	MUST(argc == 4);
	strcpy(name.sun_path, argv[1]);
	upstream = host_address(argv[3], UPSTREAM);
	MUST(!bind(front, (void *)&name, sizeof(name)));
	MUST(!connect(back, (void *)&upstream, sizeof(upstream)));
	MUST(!getsockname(back, (void *)&own, &size));
	printf("%u\n", ntohs(own.sin_port));
	fflush(stdout);
	for (int left = atoi(argv[2]); left; left--)
		relay(front, back);
	return 0;
}
