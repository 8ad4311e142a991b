/* SPDX-License-Identifier: Apache-2.0
 *
 * The cutter of HTTP/1.1: a step for each state.
 */
#include "shim/capture/http/http1.h"

#include "proto/event.h"

/* Digits of the longest chunk. */
#define DIGITS_MAX 15

typedef int step(struct http1 *http1, struct octets *octets,
		 struct http_found *found);

/* The message is through. A response that has no body is none of DNS. */
static int finish(struct http1 *http1, struct http_found *found)
{
	bool nothing = !http1->requests && !http1->body.fault &&
		       !body_size(&http1->body);

	http1->state = HTTP1_START;
	if (!http1->announced || nothing)
		return HTTP_ON;
	found->stream = http1->number;
	return body_end(&http1->body, &http1->kept, found);
}

static bool take_plain(void *context, char c)
{
	struct http1 *http1 = context;

	line_keep(&http1->line, c);
	return true;
}

static bool take_field(void *context, char c)
{
	struct http1 *http1 = context;

	return line_keep_field(&http1->line, c);
}

static int start(struct http1 *http1, struct octets *octets,
		 struct http_found *found)
{
	(void)found;
	switch (http1_read_start(http1, octets)) {
	case LINE_MORE:
		return HTTP_MORE;
	case LINE_BAD:
		return HTTP_GIVEN_UP;
	case LINE_WHOLE:
		break;
	}
	http1->state = HTTP1_FIELDS;
	return HTTP_ON;
}

/* The request is the client's next. Returns false if its response could not be
 * known. */
static bool ask(struct http1 *http1)
{
	uint32_t number = http1->number++;
	struct http1_asked *asked = http1->asked;

	if (http1->fields.method != METHOD_HEAD)
		return true;
	if (number - atomic_load(&asked->answered) >= HTTP1_PIPELINED)
		return false;
	/* The response comes behind the request: nobody looks before. */
	atomic_fetch_or(&asked->heads, 1ull << number % HTTP1_PIPELINED);
	return true;
}

/* The response is the next request's. Returns false if no body comes behind it,
 * whatever its fields say: RFC 9112 6.3. */
static bool answer(struct http1 *http1)
{
	uint16_t status = http1->fields.status;
	uint64_t bit = 1ull << http1->number % HTTP1_PIPELINED;
	struct http1_asked *asked = http1->asked;

	http1->number++;
	bool head = atomic_load(&asked->heads) & bit;
	if (head)
		atomic_fetch_and(&asked->heads, ~bit);
	atomic_store(&asked->answered, http1->number);
	http1->unread = !noted_take(http1->noted, http1->number) &&
			status == 200 && http1->fields.dns;
	return !head && status != 204 && status != 304;
}

/* Some servers read a GET's body, and others refuse it. */
static bool has_body(const struct fields *fields)
{
	return fields->transfer || fields->faulty || fields->length;
}

/* Does every server that reads a message from the request read this one? */
static bool is_clear(struct http1 *http1)
{
	const struct fields *fields = &http1->fields;
	enum parameter_result target =
		parameter_end(&http1->parameter, &http1->body);

	if (fields->method == METHOD_GET)
		return target == PARAMETER_MESSAGE && !has_body(fields);
	return target == PARAMETER_NOTHING && fields->method == METHOD_POST &&
	       fields->dns;
}

static void announce(struct http1 *http1)
{
	const struct fields *fields = &http1->fields;

	http1->body = (struct body){ 0 };
	http1->announced = http1->requests ? is_clear(http1) : fields->dns;
	if (!http1->announced)
		body_spoil(&http1->body, HTTP_MORE);
	else if (!http1->requests && fields->coded)
		body_spoil(&http1->body, HTTP_SHORT);
}

/* How long the body is: RFC 9112 6.3. */
static int begin_body(struct http1 *http1, struct http_found *found)
{
	const struct fields *fields = &http1->fields;

	announce(http1);
	if (fields->transfer) {
		if (fields->transfer > 1 || !fields->chunked || http1->old)
			return HTTP_GIVEN_UP;
		http1->state = HTTP1_SIZE;
		return HTTP_ON;
	}
	if (fields->faulty || (!http1->requests && !fields->measured))
		return HTTP_GIVEN_UP;
	http1->left = fields->length;
	http1->state = HTTP1_BODY;
	return http1->left ? HTTP_ON : finish(http1, found);
}

static int end_header(struct http1 *http1, struct http_found *found)
{
	if (http1->requests)
		return ask(http1) ? begin_body(http1, found) : HTTP_GIVEN_UP;
	if (http1->fields.status == 101) { /* it is another protocol now */
		atomic_store(&http1->asked->lost, true);
		return HTTP_GIVEN_UP;
	}
	http1->state = HTTP1_START;
	if (http1->fields.status < 200 || !answer(http1))
		return HTTP_ON;
	return begin_body(http1, found);
}

static int fields(struct http1 *http1, struct octets *octets,
		  struct http_found *found)
{
	struct line *line = &http1->line;

	switch (line_read(line, octets, take_field, http1)) {
	case LINE_MORE:
		return HTTP_MORE;
	case LINE_BAD:
		return HTTP_GIVEN_UP;
	case LINE_WHOLE:
		break;
	}
	if (!line->any) {
		*line = (struct line){ 0 };
		return end_header(http1, found);
	}
	if (!line->colon)
		return HTTP_GIVEN_UP;
	fields_take(&http1->fields, line_name(line), line_value(line));
	if (line->cut && text_is(line_name(line), TEXT("content-length")))
		http1->fields.faulty = true;
	*line = (struct line){ 0 };
	return HTTP_ON;
}

/* The whole message is in these octets. */
static bool is_there(const struct http1 *http1, const struct octets *octets)
{
	return http1->announced && !http1->body.fault && !http1->body.chain &&
	       octets->left >= http1->left &&
	       http1->left >= EVENT_PAYLOAD_MIN &&
	       http1->left <= EVENT_PAYLOAD_MAX;
}

static int hand_on(struct http1 *http1, struct octets *octets,
		   struct http_found *found)
{
	found->stream = http1->number;
	found->message = *octets;
	found->message.left = http1->left;
	octets_pass(octets, http1->left);
	http1->state = HTTP1_START;
	return HTTP_MESSAGE;
}

/* Octets of a body. Returns false if more of `left` have to come. */
static bool take_body(struct http1 *http1, struct octets *octets)
{
	size_t part = http1->left < octets->left ? http1->left : octets->left;

	if (http1->announced)
		body_add(&http1->body, octets, part);
	else if (part)
		octets_pass(octets, part);
	http1->left -= part;
	return !http1->left;
}

static int body(struct http1 *http1, struct octets *octets,
		struct http_found *found)
{
	if (is_there(http1, octets))
		return hand_on(http1, octets, found);
	return take_body(http1, octets) ? finish(http1, found) : HTTP_MORE;
}

/* Hexadecimal, and what may stand behind it. Returns false if it is no size. */
static bool read_size(const struct line *line, uint64_t *size)
{
	struct text text = line_text(line);
	size_t digits = 0, zeroes = 0;
	int digit;

	*size = 0;
	while (zeroes < text.size && text.at[zeroes] == '0')
		zeroes++;
	while (zeroes + digits < text.size &&
	       (digit = text_hex(text.at[zeroes + digits])) >= 0) {
		*size = *size << 4 | digit;
		if (++digits > DIGITS_MAX)
			return false;
	}
	digits += zeroes;
	if (!digits)
		return false;
	return digits < text.size ? text.at[digits] == ';' ||
					    text_is_blank(text.at[digits])
				  : !line->cut;
}

static int size(struct http1 *http1, struct octets *octets,
		struct http_found *found)
{
	enum line_result result =
		line_read(&http1->line, octets, take_plain, http1);

	(void)found;
	if (result == LINE_MORE)
		return HTTP_MORE;
	if (result == LINE_BAD || !read_size(&http1->line, &http1->left))
		return HTTP_GIVEN_UP;
	http1->line = (struct line){ 0 };
	http1->state = http1->left ? HTTP1_CHUNK : HTTP1_TRAILER;
	return HTTP_ON;
}

static int chunk(struct http1 *http1, struct octets *octets,
		 struct http_found *found)
{
	(void)found;
	if (!take_body(http1, octets))
		return HTTP_MORE;
	http1->state = HTTP1_CHUNK_END;
	return HTTP_ON;
}

static int chunk_end(struct http1 *http1, struct octets *octets,
		     struct http_found *found)
{
	enum line_result result =
		line_read(&http1->line, octets, take_plain, http1);

	(void)found;
	if (result == LINE_MORE)
		return HTTP_MORE;
	if (result == LINE_BAD || http1->line.any)
		return HTTP_GIVEN_UP;
	http1->line = (struct line){ 0 };
	http1->state = HTTP1_SIZE;
	return HTTP_ON;
}

static int trailer(struct http1 *http1, struct octets *octets,
		   struct http_found *found)
{
	enum line_result result =
		line_read(&http1->line, octets, take_plain, http1);
	bool last = !http1->line.any;

	if (result == LINE_MORE)
		return HTTP_MORE;
	if (result == LINE_BAD)
		return HTTP_GIVEN_UP;
	http1->line = (struct line){ 0 };
	return last ? finish(http1, found) : HTTP_ON;
}

static void drop_kept(struct http1 *http1)
{
	chain_give(http1->kept);
	http1->kept = 0;
}

static bool take_unread(struct http1 *http1)
{
	bool unread = http1->unread;

	http1->unread = false;
	return unread;
}

enum http_cut http1_next(struct http1 *http1, struct octets *octets,
			 struct http_found *found)
{
	static step *const steps[] = {
		[HTTP1_START] = start,     [HTTP1_FIELDS] = fields,
		[HTTP1_BODY] = body,       [HTTP1_SIZE] = size,
		[HTTP1_CHUNK] = chunk,     [HTTP1_CHUNK_END] = chunk_end,
		[HTTP1_TRAILER] = trailer,
	};
	int cut;

	drop_kept(http1);
	if (atomic_load(&http1->asked->lost))
		http1_end(http1);
	if (http1->state == HTTP1_LOST)
		return HTTP_GIVEN_UP;
	if (take_unread(http1))
		return HTTP_UNREAD;
	do
		cut = steps[http1->state](http1, octets, found);
	while (cut == HTTP_ON && !http1->unread);
	if (cut == HTTP_ON && take_unread(http1))
		return HTTP_UNREAD;
	if (cut != HTTP_GIVEN_UP)
		return cut;
	http1_end(http1);
	/* Without its requests no response can be told from another. */
	if (http1->requests)
		atomic_store(&http1->asked->lost, true);
	return cut;
}

void http1_begin(struct http1 *http1, bool requests, struct http1_asked *asked,
		 struct noted *noted)
{
	memset(http1, 0, sizeof(*http1));
	http1->requests = requests;
	http1->asked = asked;
	http1->noted = noted;
}

void http1_end(struct http1 *http1)
{
	drop_kept(http1);
	body_spoil(&http1->body, HTTP_MORE);
	parameter_drop(&http1->parameter);
	http1->state = HTTP1_LOST;
}
