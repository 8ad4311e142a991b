/* SPDX-License-Identifier: Apache-2.0
 *
 * From one field to the next.
 */
#include "cli/read/walk.h"

void walk_message(ldns_buffer *out, const struct walk_style *put,
		  const Dnstap__Message *m)
{
	put->timestamp(out, "query_time",
		       m->has_query_time_sec && m->has_query_time_nsec,
		       m->query_time_sec, m->query_time_nsec);
	put->timestamp(out, "response_time",
		       m->has_response_time_sec && m->has_response_time_nsec,
		       m->response_time_sec, m->response_time_nsec);
	put->word(out, "socket_family", m->has_socket_family,
		  &dnstap__socket_family__descriptor, m->socket_family);
	put->word(out, "socket_protocol", m->has_socket_protocol,
		  &dnstap__socket_protocol__descriptor, m->socket_protocol);
	put->host(out, "query_address", m->has_query_address,
		  &m->query_address);
	put->host(out, "response_address", m->has_response_address,
		  &m->response_address);
	put->port(out, "query_port", m->has_query_port, m->query_port);
	put->port(out, "response_port", m->has_response_port, m->response_port);
	put->zone(out, m);
	put->wire(out, "query_message", m->has_query_message,
		  &m->query_message);
	put->wire(out, "response_message", m->has_response_message,
		  &m->response_message);
}
