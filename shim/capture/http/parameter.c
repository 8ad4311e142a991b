/* SPDX-License-Identifier: Apache-2.0
 *
 * A character at a time, as a target may come in pieces.
 */
#include "shim/capture/http/parameter.h"

#define PADDING_MAX 2

static void flush(struct parameter *parameter)
{
	struct iovec iov = { parameter->decoded, parameter->size };
	struct octets octets = { .iov = &iov, .left = parameter->size };

	body_add(&parameter->body, &octets, parameter->size);
	parameter->size = 0;
}

/* The six bits of a character, or -1. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-' || c == '+')
		return 62;
	return c == '_' || c == '/' ? 63 : -1;
}

static void decode(struct parameter *parameter, char c)
{
	int value = value_of(c);

	parameter->state = PARAMETER_VALUE;
	if (c == '=' && parameter->padding < PADDING_MAX) {
		parameter->padding++;
		return;
	}
	if (value < 0 || parameter->padding) {
		body_spoil(&parameter->body, HTTP_SHORT);
		return;
	}
	parameter->pending = parameter->pending << 6 | value;
	parameter->bits += 6;
	if (parameter->bits < 8)
		return;
	parameter->bits -= 8;
	parameter->decoded[parameter->size++] =
		parameter->pending >> parameter->bits;
	if (parameter->size == sizeof(parameter->decoded))
		flush(parameter);
}

static void in_path(struct parameter *parameter, char c)
{
	if (c == '?')
		parameter->state = PARAMETER_NAME;
}

static void in_name(struct parameter *parameter, char c)
{
	static const char name[] = "dns=";

	if (c == '&') {
		parameter->matched = 0;
	} else if (c != name[parameter->matched]) {
		parameter->state = PARAMETER_OTHER;
	} else if (!name[++parameter->matched]) {
		parameter->state = PARAMETER_VALUE;
	}
}

static void in_other(struct parameter *parameter, char c)
{
	if (c != '&')
		return;
	parameter->matched = 0;
	parameter->state = PARAMETER_NAME;
}

static void in_value(struct parameter *parameter, char c)
{
	if (c == '&' || c == '#')
		parameter->state = PARAMETER_DONE;
	else if (c == '%')
		parameter->state = PARAMETER_PERCENT;
	else
		decode(parameter, c);
}

static void at_percent(struct parameter *parameter, char c)
{
	parameter->digit = c;
	parameter->state = PARAMETER_DIGIT;
}

static void at_digit(struct parameter *parameter, char c)
{
	int high = text_hex(parameter->digit), low = text_hex(c);

	decode(parameter, high < 0 || low < 0 ? 0 : high << 4 | low);
}

void parameter_take(struct parameter *parameter, struct text text)
{
	static void (*const states[])(struct parameter * parameter, char c) = {
		[PARAMETER_PATH] = in_path,       [PARAMETER_NAME] = in_name,
		[PARAMETER_OTHER] = in_other,     [PARAMETER_VALUE] = in_value,
		[PARAMETER_PERCENT] = at_percent, [PARAMETER_DIGIT] = at_digit,
	};

	for (size_t i = 0; i < text.size && parameter->state != PARAMETER_DONE;
	     i++)
		states[parameter->state](parameter, text.at[i]);
}

bool parameter_end(struct parameter *parameter, struct body *body)
{
	bool has = parameter->state >= PARAMETER_VALUE;

	/* One character of four is no octet. */
	if (parameter->state == PARAMETER_PERCENT ||
	    parameter->state == PARAMETER_DIGIT || parameter->bits == 6)
		body_spoil(&parameter->body, HTTP_SHORT);
	if (has) {
		flush(parameter);
		*body = parameter->body;
	}
	*parameter = (struct parameter){ 0 };
	return has;
}

void parameter_drop(struct parameter *parameter)
{
	chain_give(parameter->body.chain);
	*parameter = (struct parameter){ 0 };
}
