/* SPDX-License-Identifier: Apache-2.0
 *
 * A function for each field that matters.
 */
#include "shim/capture/http/fields.h"

#include "proto/common.h"

/* No body is that long. */
#define LENGTH_MAX (UINT64_MAX / 16)

enum fields_method fields_method(struct text name)
{
	static const struct {
		struct text name;
		enum fields_method method;
	} methods[] = {
		{ { "GET", 3 }, METHOD_GET },
		{ { "POST", 4 }, METHOD_POST },
		{ { "HEAD", 4 }, METHOD_HEAD },
		{ { "CONNECT", 7 }, METHOD_CONNECT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (text_is(name, methods[i].name))
			return methods[i].method;
	return METHOD_OTHER;
}

/* Returns false if it is none. */
static bool read_number(struct text digits, uint64_t *number)
{
	uint64_t value = 0;

	if (!digits.size)
		return false;
	for (size_t i = 0; i < digits.size; i++) {
		unsigned digit = (unsigned char)digits.at[i] - '0';
		if (digit > 9 || value > LENGTH_MAX / 10)
			return false;
		value = value * 10 + digit;
	}
	*number = value;
	return true;
}

uint16_t fields_status(struct text digits)
{
	uint64_t number;

	return digits.size == 3 && read_number(digits, &number) ? number : 0;
}

static void take_method(struct fields *fields, struct text value)
{
	fields->repeated = fields->method != METHOD_NONE;
	fields->method = fields_method(value);
}

static void take_status(struct fields *fields, struct text value)
{
	fields->status = fields_status(value);
}

static void take_type(struct fields *fields, struct text value)
{
	const char *end = memchr(value.at, ';', value.size);

	if (end)
		value.size = end - value.at;
	if (text_is_like(text_trim(value), TEXT("application/dns-message")))
		fields->dns = true;
}

static void take_coding(struct fields *fields, struct text value)
{
	if (!text_is_like(text_trim(value), TEXT("identity")))
		fields->coded = true;
}

static void take_length(struct fields *fields, struct text value)
{
	uint64_t length;

	if (!read_number(text_trim(value), &length) ||
	    (fields->measured && length != fields->length)) {
		fields->faulty = true;
		return;
	}
	fields->measured = true;
	fields->length = length;
}

static void take_transfer(struct fields *fields, struct text value)
{
	if (fields->transfer < UINT8_MAX)
		fields->transfer++;
	fields->chunked = text_is_like(text_trim(value), TEXT("chunked"));
}

void fields_take(struct fields *fields, struct text name, struct text value)
{
	static const struct {
		struct text name;
		void (*take)(struct fields *fields, struct text value);
	} known[] = {
		{ { ":method", 7 }, take_method },
		{ { ":status", 7 }, take_status },
		{ { "content-type", 12 }, take_type },
		{ { "content-length", 14 }, take_length },
		{ { "content-encoding", 16 }, take_coding },
		{ { "transfer-encoding", 17 }, take_transfer },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (text_is(name, known[i].name))
			known[i].take(fields, value);
}
