/* SPDX-License-Identifier: Apache-2.0
 *
 * The hello with which one side of a TLS connection begins: RFC 8446 5.1 and 4.1,
 * RFC 5246 6.2.1 and 7.4.1. It is in the clear, and its random number is known to
 * the TLS library as well: that is how a connection and a session find together.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELLO_RANDOM 32

/* The record's header, the message's, a version, and the random number. */
#define HELLO_SEEN_MAX (5 + 4 + 2 + HELLO_RANDOM)

enum hello_record {
	HELLO_NOT_TLS,
	HELLO_MORE, /* octets are needed to tell */
	HELLO_FOUND,
	HELLO_OTHER, /* a record, behind which the hello may come */
};

struct hello {
	bool server;
	uint8_t random[HELLO_RANDOM];
	size_t record; /* octets of the whole record */
};

/*
 * Looks at the record that the `size` octets begin with. The `first` of a connection
 * is a hello, or it is no TLS. A server's demand for another hello of the client
 * (RFC 8446 4.1.4) counts as HELLO_OTHER, as its random number is not the
 * session's.
 */
enum hello_record hello_read(const uint8_t *octets, size_t size, bool first,
			     struct hello *hello);
