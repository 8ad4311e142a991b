/* SPDX-License-Identifier: Apache-2.0
 *
 * Nothing is copied but the numbers and the metadata.
 */
#include "shim/api/message.h"

#include <errno.h>
#include <string.h>

#include "proto/common.h"
#include "proto/metadata.h"

/* Seconds that fit into 64 bits of nanoseconds. */
#define SECONDS_MAX ((int64_t)(UINT64_MAX / NS_PER_S))

/* The first version's; what a caller's lacks is not known. */
#define MESSAGE_MIN sizeof(struct dnstapshim_message)
#define POLICY_MIN  sizeof(struct dnstapshim_policy)

static int read_time(uint64_t *ns, const struct timespec *time)
{
	*ns = 0;
	if (!time)
		return 0;
	if (time->tv_sec < 0 || time->tv_sec >= SECONDS_MAX ||
	    time->tv_nsec < 0 || time->tv_nsec >= (long)NS_PER_S)
		return -EINVAL;
	*ns = time->tv_sec * NS_PER_S + time->tv_nsec;
	return 0;
}

/* A part of up to 65,535 octets; none is none. */
static int read_part(struct api_message *read, enum given_part part,
		     const void *octets, size_t size)
{
	if (size && !octets)
		return -EINVAL;
	if (size > UINT16_MAX)
		return -EMSGSIZE;
	read->head.size[part] = size;
	read->tail[1 + part] = (struct iovec){ (void *)octets, size };
	return 0;
}

/* Labels up to the root's, and nothing behind it: RFC 1035 3.1. */
static bool is_name(const uint8_t *name, size_t size)
{
	size_t at = 0;

	if (size > 255)
		return false;
	while (at < size && name[at]) {
		if (name[at] > 63)
			return false;
		at += 1 + name[at];
	}
	return at + 1 == size;
}

static int read_zone(struct api_message *read,
		     const struct dnstapshim_message *message)
{
	if (message->zone_size &&
	    (!message->zone || !is_name(message->zone, message->zone_size)))
		return -EINVAL;
	return read_part(read, GIVEN_ZONE, message->zone, message->zone_size);
}

static int read_policy(struct api_message *read,
		       const struct dnstapshim_policy *policy)
{
	if (!policy)
		return 0;
	if (policy->size < POLICY_MIN || policy->match > UINT8_MAX ||
	    policy->action > UINT8_MAX)
		return -EINVAL;
	read->head.policy_match = policy->match;
	read->head.policy_action = policy->action;
	size_t type = policy->type ? strlen(policy->type) + 1 : 0;
	int error = read_part(read, GIVEN_POLICY_TYPE, policy->type, type);
	if (!error)
		error = read_part(read, GIVEN_POLICY_RULE, policy->rule,
				  policy->rule_size);
	if (!error)
		error = read_part(read, GIVEN_POLICY_VALUE, policy->value,
				  policy->value_size);
	return error;
}

static int read_metadata(struct api_message *read,
			 const struct dnstapshim_pair *pairs, size_t n)
{
	char *to = read->metadata;

	for (size_t i = 0; i < n; i++) {
		const char *key = pairs[i].key, *value = pairs[i].value;
		size_t left = read->metadata + sizeof(read->metadata) - to;

		if (!key || !value || !metadata_is_key(key))
			return -EINVAL;
		if (metadata_size(key, value) > left)
			return -EMSGSIZE;
		to = stpcpy(stpcpy(to, key) + 1, value) + 1;
	}
	return read_part(read, GIVEN_METADATA, read->metadata,
			 to - read->metadata);
}

static int read_payload(struct api_message *read, const void *octets,
			size_t size)
{
	if (!octets || size < EVENT_PAYLOAD_MIN)
		return -EINVAL;
	if (size > EVENT_PAYLOAD_MAX)
		return -EMSGSIZE;
	read->seen.size = size;
	read->payload = (struct iovec){ (void *)octets, size };
	return 0;
}

static int read_messages(struct api_message *read,
			 const struct dnstapshim_message *message)
{
	if (!given_is_response(message->type))
		return message->response || message->response_size ||
				       message->response_time
			       ? -EINVAL
			       : read_payload(read, message->query,
					      message->query_size);
	int error =
		read_payload(read, message->response, message->response_size);
	if (!error)
		error = read_part(read, GIVEN_QUERY, message->query,
				  message->query_size);
	return error;
}

/* In the event the sides are this process's and the other's. */
static void put_address(struct event *seen, const void *octets, uint16_t port,
			bool local)
{
	size_t size = seen->flags & EVENT_INET6 ? 16 : 4;

	if (octets) {
		memcpy(local ? seen->local : seen->remote, octets, size);
		seen->flags |= local ? EVENT_LOCAL : EVENT_REMOTE;
	}
	if (local)
		seen->local_port = port;
	else
		seen->remote_port = port;
}

static bool is_tcp(unsigned protocol)
{
	return protocol == DNSTAPSHIM_TCP || protocol == DNSTAPSHIM_DOT ||
	       protocol == DNSTAPSHIM_DOH ||
	       protocol == DNSTAPSHIM_DNSCRYPT_TCP;
}

static void put_sides(struct event *seen,
		      const struct dnstapshim_message *message)
{
	bool asked = given_is_asked(message->type);
	bool sent = given_is_response(message->type) != asked;

	seen->flags = EVENT_GIVEN | (sent ? EVENT_SENT : 0) |
		      (asked ? 0 : EVENT_SERVES) |
		      (is_tcp(message->protocol) ? EVENT_TCP : 0) |
		      (message->family == DNSTAPSHIM_INET6 ? EVENT_INET6 : 0);
	put_address(seen, message->query_address, message->query_port, asked);
	put_address(seen, message->response_address, message->response_port,
		    !asked);
}

/* What is a number of dnstap's. */
static int read_numbers(struct api_message *read,
			const struct dnstapshim_message *message)
{
	struct given *head = &read->head;
	bool addresses = message->query_address || message->response_address;

	if (message->size < MESSAGE_MIN || !message->type ||
	    message->type > DNSTAPSHIM_UPDATE_RESPONSE ||
	    message->family > DNSTAPSHIM_INET6 ||
	    message->protocol > DNSTAPSHIM_DOQ ||
	    message->http > DNSTAPSHIM_HTTP3 || (addresses && !message->family))
		return -EINVAL;
	head->type = message->type;
	head->family = message->family != 0;
	head->protocol = message->protocol;
	head->http = message->http;
	int error = read_time(&head->query_ns, message->query_time);
	return error ? error
		     : read_time(&head->response_ns, message->response_time);
}

/* All parts are known. */
static int settle(struct api_message *read)
{
	size_t tail = sizeof(read->head);

	if (!given_is_sound(&read->head))
		return -EINVAL;
	for (int i = 0; i < GIVEN_PARTS; i++)
		tail += read->head.size[i];
	if (tail > UINT16_MAX || read->seen.size + tail > EVENT_OCTETS_MAX)
		return -EMSGSIZE;
	read->seen.tail = tail;
	read->tail[0] = (struct iovec){ &read->head, sizeof(read->head) };
	return 0;
}

int api_message_read(struct api_message *read,
		     const struct dnstapshim_message *message,
		     const struct dnstapshim_pair *pairs, size_t n)
{
	/* All but the room for metadata. */
	memset(read, 0, offsetof(struct api_message, metadata));
	int error = message ? read_numbers(read, message) : -EINVAL;
	if (!error)
		error = read_messages(read, message);
	if (!error)
		error = read_zone(read, message);
	if (!error)
		error = read_policy(read, message->policy);
	if (!error)
		error = read_metadata(read, pairs, n);
	if (!error)
		error = settle(read);
	if (!error)
		put_sides(&read->seen, message);
	return error;
}
