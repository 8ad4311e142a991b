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

void parameter_lose(struct parameter *parameter)
{
	parameter_drop(parameter);
	parameter->state = PARAMETER_LOST;
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
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

static void decode(struct parameter *parameter, int value)
{
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
	if (c == '#')
		parameter_lose(parameter);
	else if (c == '?')
		parameter->state = PARAMETER_NAME;
}

/* What some servers take for the end of a parameter, or for the query's beginning. */
static bool is_doubtful(char c)
{
	return c == '?' || c == '#' || c == ';';
}

static void in_name(struct parameter *parameter, char c)
{
	static const char name[] = "dns=";

	if (is_doubtful(c) || c == '%' || (c == '&' && !parameter->matched)) {
		parameter_lose(parameter);
	} else if (c == '&') {
		parameter->matched = 0;
	} else if (c != name[parameter->matched]) {
		parameter->state = PARAMETER_OTHER;
	} else if (!name[++parameter->matched]) {
		if (parameter->has)
			parameter_lose(parameter);
		else
			parameter->state = PARAMETER_VALUE;
		parameter->has = true;
	}
}

static void in_other(struct parameter *parameter, char c)
{
	if (is_doubtful(c)) {
		parameter_lose(parameter);
	} else if (c == '&') {
		parameter->matched = 0;
		parameter->state = PARAMETER_NAME;
	}
}

static void pad(struct parameter *parameter)
{
	parameter->state = PARAMETER_VALUE;
	if (++parameter->padding > PADDING_MAX)
		parameter_lose(parameter);
}

static void in_value(struct parameter *parameter, char c)
{
	int value = value_of(c);

	if (c == '&')
		in_other(parameter, c);
	else if (c == '%')
		parameter->state = PARAMETER_PERCENT;
	else if (c == '=')
		pad(parameter);
	else if (value < 0 || parameter->padding)
		parameter_lose(parameter);
	else
		decode(parameter, value);
}

static void at_percent(struct parameter *parameter, char c)
{
	parameter->digit = c;
	parameter->state = PARAMETER_DIGIT;
}

/* Of padding alone it makes no difference who decodes it. */
static void at_digit(struct parameter *parameter, char c)
{
	if (parameter->digit == '3' && text_hex(c) == 0xd)
		pad(parameter);
	else
		parameter_lose(parameter);
}

void parameter_take(struct parameter *parameter, struct text text)
{
	static void (*const states[])(struct parameter * parameter, char c) = {
		[PARAMETER_PATH] = in_path,       [PARAMETER_NAME] = in_name,
		[PARAMETER_OTHER] = in_other,     [PARAMETER_VALUE] = in_value,
		[PARAMETER_PERCENT] = at_percent, [PARAMETER_DIGIT] = at_digit,
	};

	for (size_t i = 0; i < text.size && parameter->state != PARAMETER_LOST;
	     i++)
		states[parameter->state](parameter, text.at[i]);
}

enum parameter_result parameter_end(struct parameter *parameter,
				    struct body *body)
{
	/* One character of four is no octet. */
	bool unclear = parameter->state == PARAMETER_LOST ||
		       parameter->state == PARAMETER_PERCENT ||
		       parameter->state == PARAMETER_DIGIT ||
		       parameter->bits == 6;
	bool has = parameter->has;

	if (unclear || !has) {
		parameter_drop(parameter);
		return unclear ? PARAMETER_UNCLEAR : PARAMETER_NOTHING;
	}
	flush(parameter);
	*body = parameter->body;
	*parameter = (struct parameter){ 0 };
	return PARAMETER_MESSAGE;
}

void parameter_drop(struct parameter *parameter)
{
	chain_give(parameter->body.chain);
	*parameter = (struct parameter){ 0 };
}
