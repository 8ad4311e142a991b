/* SPDX-License-Identifier: Apache-2.0
 *
 * The quiet text: one line a message, in the local time zone, such as
 * 15:04:05.123456 CQ 192.0.2.1 UDP 40b "example.org." IN A
 */
#include <string.h>

#include "cli/read/dns_message.h"
#include "cli/read/dnstap.h"
#include "cli/read/fields.h"
#include "cli/read/format.h"

#define COLOUR_QUERY    "\033[36m"
#define COLOUR_RESPONSE "\033[32m"
#define COLOUR_BAD      "\033[31m"
#define COLOUR_OFF      "\033[0m"

/* By pairs of query and response; the schema counts from 1. */
static const char kinds[] = "ARCFSTU";

static char kind(const Dnstap__Message *message)
{
	size_t pair = ((unsigned)message->type - 1) / 2;

	return pair < strlen(kinds) ? kinds[pair] : '?';
}

/* Whose address tells something: the asking side's where many ask. */
static bool shows_asker(const Dnstap__Message *message)
{
	return kind(message) == 'C' || kind(message) == 'A';
}

static void put_clock(ldns_buffer *out, const Dnstap__Message *message)
{
	bool query = dnstap_is_query(message);
	time_t seconds = (time_t)(query ? message->query_time_sec
					: message->response_time_sec);
	char text[16] = "??:??:??";
	struct tm tm;

	if ((query ? message->has_query_time_sec
		   : message->has_response_time_sec) &&
	    localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	put_text(out, text);
	if (query ? message->has_query_time_nsec
		  : message->has_response_time_nsec)
		ldns_buffer_printf(out, ".%06u",
				   (query ? message->query_time_nsec
					  : message->response_time_nsec) /
					   1000);
	else
		put_text(out, ".??????");
}

static void put_peer(ldns_buffer *out, const Dnstap__Message *message)
{
	bool asker = shows_asker(message);

	if (asker ? message->has_query_address : message->has_response_address)
		put_address(out, asker ? &message->query_address
				       : &message->response_address);
	else
		put_text(out, "MISSING_ADDRESS");
}

static void put_payload(ldns_buffer *out, const Dnstap__Message *message,
			const char *bad, const char *off)
{
	const ProtobufCBinaryData *payload = dnstap_payload(message);
	struct dns_message dns;

	ldns_buffer_printf(out, "%zub ", payload->len);
	if (dns_message_parse(&dns, payload->data, payload->len)) {
		if (dns_message_has_question(&dns))
			dns_message_put_question(out, &dns);
		else
			put_text(out, "X ");
		dns_message_release(&dns);
	} else {
		ldns_buffer_printf(out, "%sX %s", payload->len ? bad : "",
				   payload->len ? off : "");
	}
}

static void put_line(ldns_buffer *out, const Dnstap__Message *message,
		     const char *colour, const char *bad, const char *off)
{
	put_clock(out, message);
	ldns_buffer_printf(out, " %s%c%c%s ", colour, kind(message),
			   dnstap_is_query(message) ? 'Q' : 'R', off);
	put_peer(out, message);
	put_text(out, " ");
	if (message->has_socket_protocol)
		put_enum(out, &dnstap__socket_protocol__descriptor,
			 message->socket_protocol);
	put_text(out, " ");
	put_payload(out, message, bad, off);
	put_text(out, "\n");
}

void format_quiet(ldns_buffer *out, const Dnstap__Dnstap *dnstap)
{
	put_line(out, dnstap->message, "", "", "");
}

void format_quiet_colour(ldns_buffer *out, const Dnstap__Dnstap *dnstap)
{
	put_line(out, dnstap->message,
		 dnstap_is_query(dnstap->message) ? COLOUR_QUERY
						  : COLOUR_RESPONSE,
		 COLOUR_BAD, COLOUR_OFF);
}
