/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks of pcapng, and the headers of the packets in them.
 */
#include "cli/read/pcap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/read/dnstap.h"
#include "proto/common.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	LINKTYPE_RAW = 101, /* begins with the IP header */
	OPTION_COMMENT = 1,
	OPTION_APPLICATION = 4,
	OPTION_RESOLUTION = 9,
};

#define IP4_SIZE    20
#define IP6_SIZE    40
#define UDP_SIZE    8
#define TCP_SIZE    20
#define HEADERS_MAX (IP6_SIZE + TCP_SIZE)
#define SEGMENT_MAX \
	65000 /* octets of payload: what IPv4 has room for, and TCP */
#define COMMENT_MAX  4096
#define HOPS         64
#define TCP_PUSH_ACK 0x18
#define TCP_WINDOW   65535

struct packet {
	struct address from, to;
	uint64_t time_ns;
	char comment[COMMENT_MAX];
	uint8_t octets[HEADERS_MAX + SEGMENT_MAX];
	size_t size;
};

/* Blocks, in this machine's byte order, as the format has it */

struct block {
	FILE *out;
	bool failed;
};

static void put(struct block *block, const void *data, size_t size)
{
	if (size && fwrite(data, 1, size, block->out) != size)
		block->failed = true;
}

static void put32(struct block *block, uint32_t value)
{
	put(block, &value, sizeof(value));
}

static void put_padded(struct block *block, const void *data, size_t size)
{
	put(block, data, size);
	put(block, "\0\0\0", -size % 4);
}

static size_t padded(size_t size)
{
	return size + -size % 4;
}

static void put_option(struct block *block, uint16_t code, const void *data,
		       size_t size)
{
	const uint16_t head[] = { code, (uint16_t)size };

	put(block, head, sizeof(head));
	put_padded(block, data, size);
}

/* With the head of an option, and the one that ends them. */
static size_t option_size(size_t size)
{
	return 4 + padded(size) + 4;
}

static int result(const struct block *block)
{
	return block->failed ? (errno ? -errno : -EIO) : 0;
}

static void put_section(struct block *block)
{
	static const char application[] = "dnstapshim " DNSTAPSHIM_VERSION;
	static const uint16_t version[] = { 1, 0 };
	static const uint64_t unknown_size = UINT64_MAX;
	uint32_t size = 28 + (uint32_t)option_size(sizeof(application) - 1);

	put32(block, BLOCK_SECTION);
	put32(block, size);
	put32(block, BYTE_ORDER_MAGIC);
	put(block, version, sizeof(version));
	put(block, &unknown_size, sizeof(unknown_size));
	put_option(block, OPTION_APPLICATION, application,
		   sizeof(application) - 1);
	put32(block, 0);
	put32(block, size);
}

static void put_interface(struct block *block)
{
	static const uint16_t type[] = { LINKTYPE_RAW, 0 };
	static const uint8_t nanoseconds = 9;
	uint32_t size = 20 + (uint32_t)option_size(sizeof(nanoseconds));

	put32(block, BLOCK_INTERFACE);
	put32(block, size);
	put(block, type, sizeof(type));
	put32(block, 0); /* no limit */
	put_option(block, OPTION_RESOLUTION, &nanoseconds, sizeof(nanoseconds));
	put32(block, 0);
	put32(block, size);
}

static int put_packet(const struct packet *packet, FILE *out)
{
	struct block block = { .out = out };
	size_t comment = strlen(packet->comment);
	uint32_t size =
		32 + (uint32_t)(padded(packet->size) + option_size(comment));

	put32(&block, BLOCK_PACKET);
	put32(&block, size);
	put32(&block, 0); /* the interface */
	put32(&block, (uint32_t)(packet->time_ns >> 32));
	put32(&block, (uint32_t)packet->time_ns);
	put32(&block, (uint32_t)packet->size);
	put32(&block, (uint32_t)packet->size);
	put_padded(&block, packet->octets, packet->size);
	put_option(&block, OPTION_COMMENT, packet->comment, comment);
	put32(&block, 0);
	put32(&block, size);
	return result(&block);
}

int pcap_begin(struct pcap *pcap, FILE *out)
{
	struct block block = { .out = out };

	if (!pcap->packet)
		pcap->packet = malloc(sizeof(*pcap->packet));
	if (!pcap->packet)
		return -ENOMEM;
	tally_release(&pcap->flows);
	put_section(&block);
	put_interface(&block);
	return result(&block);
}

/* Headers */

static void be16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = (uint8_t)value;
}

static void be32(uint8_t *at, uint32_t value)
{
	be16(at, value >> 16);
	be16(at + 2, (uint16_t)value);
}

/* RFC 1071, without the complement. */
static uint32_t sum(uint32_t sum_before, const uint8_t *data, size_t size)
{
	uint64_t total = sum_before;

	for (size_t i = 0; i + 1 < size; i += 2)
		total += (uint32_t)(data[i] << 8 | data[i + 1]);
	if (size % 2)
		total += (uint32_t)(data[size - 1] << 8);
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint32_t)total;
}

static size_t address_size(const struct packet *packet)
{
	return packet->from.inet6 ? 16 : 4;
}

/* Of UDP or TCP, with the pseudo-header (RFC 768, RFC 8200 8.1). */
static uint16_t checksum(const struct packet *packet, uint8_t protocol,
			 const uint8_t *data, size_t size)
{
	uint32_t total = protocol + (uint32_t)size;

	total = sum(total, packet->from.octets, address_size(packet));
	total = sum(total, packet->to.octets, address_size(packet));
	total = sum(total, data, size);
	return total == 0xffff ? 0xffff : (uint16_t)~total;
}

static size_t put_ip4(struct packet *packet, uint8_t protocol, size_t size)
{
	uint8_t *ip = packet->octets;

	memset(ip, 0, IP4_SIZE);
	ip[0] = 4 << 4 | IP4_SIZE / 4;
	be16(ip + 2, (uint16_t)(IP4_SIZE + size));
	ip[8] = HOPS;
	ip[9] = protocol;
	memcpy(ip + 12, packet->from.octets, 4);
	memcpy(ip + 16, packet->to.octets, 4);
	be16(ip + 10, (uint16_t)~sum(0, ip, IP4_SIZE));
	return IP4_SIZE;
}

static size_t put_ip6(struct packet *packet, uint8_t protocol, size_t size)
{
	uint8_t *ip = packet->octets;

	memset(ip, 0, IP6_SIZE);
	ip[0] = 6 << 4;
	be16(ip + 4, (uint16_t)size);
	ip[6] = protocol;
	ip[7] = HOPS;
	memcpy(ip + 8, packet->from.octets, 16);
	memcpy(ip + 24, packet->to.octets, 16);
	return IP6_SIZE;
}

static uint8_t *put_ip(struct packet *packet, uint8_t protocol, size_t size)
{
	size_t head = packet->from.inet6 ? put_ip6(packet, protocol, size)
					 : put_ip4(packet, protocol, size);

	packet->size = head + size;
	return packet->octets + head;
}

static void put_ports(const struct packet *packet, uint8_t *at)
{
	be16(at, packet->from.port);
	be16(at + 2, packet->to.port);
}

static int put_udp(struct packet *packet, const ProtobufCBinaryData *payload,
		   FILE *out)
{
	size_t size = UDP_SIZE + payload->len;
	uint8_t *udp = put_ip(packet, IPPROTO_UDP, size);

	put_ports(packet, udp);
	be16(udp + 4, (uint16_t)size);
	be16(udp + 6, 0);
	memcpy(udp + UDP_SIZE, payload->data, payload->len);
	be16(udp + 6, checksum(packet, IPPROTO_UDP, udp, size));
	return put_packet(packet, out);
}

/* A direction of a connection. */
struct flow {
	uint8_t from[16], to[16];
	uint16_t from_port, to_port;
};

static struct flow flow_of(const struct address *from, const struct address *to)
{
	struct flow flow;

	memset(&flow, 0, sizeof(flow));
	memcpy(flow.from, from->octets, 16);
	memcpy(flow.to, to->octets, 16);
	flow.from_port = from->port;
	flow.to_port = to->port;
	return flow;
}

/* A segment that follows what this direction had, and acknowledges the other. */
static int put_segment(struct pcap *pcap, const uint8_t *data, size_t size,
		       FILE *out)
{
	struct packet *packet = pcap->packet;
	struct flow there = flow_of(&packet->from, &packet->to),
		    back = flow_of(&packet->to, &packet->from);
	uint64_t *sent = tally_at(&pcap->flows, &there, sizeof(there));
	const uint64_t *received =
		tally_find(&pcap->flows, &back, sizeof(back));
	uint8_t *tcp;

	if (!sent)
		return -ENOMEM;
	tcp = put_ip(packet, IPPROTO_TCP, TCP_SIZE + size);
	memset(tcp, 0, TCP_SIZE);
	put_ports(packet, tcp);
	be32(tcp + 4, (uint32_t)*sent + 1);
	be32(tcp + 8, received ? (uint32_t)*received + 1 : 1);
	tcp[12] = TCP_SIZE / 4 << 4;
	tcp[13] = TCP_PUSH_ACK;
	be16(tcp + 14, TCP_WINDOW);
	memcpy(tcp + TCP_SIZE, data, size);
	be16(tcp + 16, checksum(packet, IPPROTO_TCP, tcp, TCP_SIZE + size));
	*sent += size;
	return put_packet(packet, out);
}

/* With the length before it (RFC 1035 4.2.2), in two segments if it must be. */
static int put_tcp(struct pcap *pcap, const ProtobufCBinaryData *payload,
		   FILE *out)
{
	size_t size = 2 + payload->len, first;
	uint8_t *stream = malloc(size);
	int error;

	if (!stream)
		return -ENOMEM;
	be16(stream, (uint16_t)payload->len);
	memcpy(stream + 2, payload->data, payload->len);
	first = size < SEGMENT_MAX ? size : SEGMENT_MAX;
	error = put_segment(pcap, stream, first, out);
	if (!error && first < size)
		error = put_segment(pcap, stream + first, size - first, out);
	free(stream);
	return error;
}

/* Messages */

__attribute__((format(printf, 2, 3))) static void say(struct packet *packet,
						      const char *format, ...)
{
	size_t used = strlen(packet->comment);
	va_list args;

	va_start(args, format);
	vsnprintf(packet->comment + used, sizeof(packet->comment) - used,
		  format, args);
	va_end(args);
}

/* Fields are UTF-8 by their origin; what is not becomes a question mark. */
static void say_field(struct packet *packet, const char *name,
		      protobuf_c_boolean has, const ProtobufCBinaryData *field)
{
	if (!has || !field->len)
		return;
	say(packet, ", %s ", name);
	for (size_t i = 0; i < field->len && i < COMMENT_MAX / 4; i++)
		say(packet, "%c",
		    field->data[i] >= ' ' && field->data[i] < 0x7f
			    ? field->data[i]
			    : '?');
}

static void say_enum(struct packet *packet,
		     const ProtobufCEnumDescriptor *descriptor, int value)
{
	const ProtobufCEnumValue *known =
		protobuf_c_enum_descriptor_get_value(descriptor, value);

	if (known)
		say(packet, "%s", known->name);
	else
		say(packet, "%d", value);
}

static void comment(struct packet *packet, const Dnstap__Dnstap *dnstap)
{
	const Dnstap__Message *m = dnstap->message;
	uint64_t latency;

	*packet->comment = '\0';
	say_enum(packet, &dnstap__message__type__descriptor, m->type);
	if (m->has_socket_protocol) {
		say(packet, " over ");
		say_enum(packet, &dnstap__socket_protocol__descriptor,
			 m->socket_protocol);
	}
	if (dnstap_latency(m, &latency))
		say(packet, ", latency %.6f s", (double)latency / NS_PER_S);
	say_field(packet, "identity", dnstap->has_identity, &dnstap->identity);
	say_field(packet, "version", dnstap->has_version, &dnstap->version);
	say_field(packet, "extra", dnstap->has_extra, &dnstap->extra);
}

static bool is_tcp(const Dnstap__Message *m)
{
	return m->has_socket_protocol &&
	       (m->socket_protocol == DNSTAP__SOCKET_PROTOCOL__TCP ||
		m->socket_protocol == DNSTAP__SOCKET_PROTOCOL__DOT ||
		m->socket_protocol == DNSTAP__SOCKET_PROTOCOL__DOH ||
		m->socket_protocol == DNSTAP__SOCKET_PROTOCOL__DNSCryptTCP);
}

/* An address that is not there, and whose packet has to have one, is zero. */
static bool set_ends(struct packet *packet, const Dnstap__Message *m)
{
	struct address asker = dnstap_asker(m), answerer = dnstap_answerer(m);

	if (!asker.known && !answerer.known)
		return false;
	if (!asker.known)
		asker.inet6 = answerer.inet6;
	if (!answerer.known)
		answerer.inet6 = asker.inet6;
	if (asker.inet6 != answerer.inet6)
		return false;
	packet->from = dnstap_is_query(m) ? asker : answerer;
	packet->to = dnstap_is_query(m) ? answerer : asker;
	return true;
}

int pcap_message(struct pcap *pcap, const Dnstap__Dnstap *dnstap, FILE *out)
{
	const Dnstap__Message *m = dnstap->message;
	const ProtobufCBinaryData *payload = dnstap_payload(m);
	struct packet *packet = pcap->packet;
	bool tcp = is_tcp(m);

	if (!payload->len || payload->len > (tcp ? UINT16_MAX : SEGMENT_MAX) ||
	    !set_ends(packet, m))
		return -EBADMSG;
	packet->time_ns = dnstap_time(m);
	comment(packet, dnstap);
	return tcp ? put_tcp(pcap, payload, out)
		   : put_udp(packet, payload, out);
}

void pcap_release(struct pcap *pcap)
{
	tally_release(&pcap->flows);
	free(pcap->packet);
}
