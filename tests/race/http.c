/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections of HTTP whose two directions go on in two threads, as GnuTLS allows:
 * either resets the other's streams, and asks for what the other answers. What comes
 * out is whole, and at the end every block has come back.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/capture/http/http.h"

#define PAIRS   2
#define ROUNDS  300
#define STREAMS 100 /* of a round, or requests */
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define REQUEST                     \
	"\x83\x04\x01/\x0f\x10\x17" \
	"application/dns-message"
#define RESPONSE           \
	"\x88\x0f\x10\x17" \
	"application/dns-message"
#define MESSAGE "a whole message"

struct pair {
	pthread_barrier_t barrier;
	unsigned seed;
	http_name name;
	enum http_version version;
	_Atomic uint32_t asked, answered;
	bool head[STREAMS];
};

static _Atomic unsigned long messages;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "race/http: %s\n", what);
	exit(1);
}

static unsigned feed(http_name name, bool requests, const void *from,
		     size_t size)
{
	struct iovec iov = { (void *)from, size };
	struct octets octets = { .iov = &iov, .left = size };
	struct http_found found;
	uint8_t copy[sizeof(MESSAGE)];
	enum http_cut cut;
	unsigned n = 0;

	while ((cut = http_next(name, requests, &octets, &found))) {
		/* To a HEAD, or before its request is through. */
		if (cut == HTTP_UNREAD)
			continue;
		must(cut == HTTP_MESSAGE, "something was lost");
		must(found.message.left == strlen(MESSAGE), "a size");
		octets_copy(&found.message, copy, strlen(MESSAGE));
		must(!memcmp(copy, MESSAGE, strlen(MESSAGE)), "a message");
		n++;
	}
	messages += n;
	return n;
}

static void frame(struct pair *pair, bool requests, int type, int flags,
		  uint32_t stream, const char *payload)
{
	size_t size = type == 3 ? 4 : strlen(payload);
	uint8_t octets[100] = { 0, 0, size,        type,  flags,
				0, 0, stream >> 8, stream };

	memcpy(octets + 9, payload, size);
	feed(pair->name, requests, octets, 9 + size);
}

/* A few streams are half through at any time. Some end, and either side resets
 * some of them, the other's too. */
static void speak_http2(struct pair *pair, bool requests, unsigned *random)
{
	enum { WINDOW = 16 };

	if (requests)
		feed(pair->name, true, PREFACE, strlen(PREFACE));
	for (uint32_t stream = 1; stream < 2 * STREAMS; stream += 2) {
		frame(pair, requests, 1, 4, stream,
		      requests ? REQUEST : RESPONSE);
		frame(pair, requests, 0, 0, stream, "a whole ");
		if (stream < WINDOW)
			continue;
		if (rand_r(random) % 4 == 0)
			frame(pair, requests, 3, 0,
			      stream - 2 * (rand_r(random) % (WINDOW / 2)),
			      "\0\0\0\10");
		frame(pair, requests, 0, 1, stream - WINDOW + 2, "message");
	}
}

static void wait_until(_Atomic uint32_t *count, uint32_t least)
{
	while (atomic_load(count) < least)
		sched_yield();
}

static void ask(struct pair *pair, unsigned *random)
{
	static const char head[] = "HEAD / HTTP/1.1\r\n\r\n",
			  post[] = "POST / HTTP/1.1\r\nContent-Length:15\r\n"
				   "Content-Type:application/dns-message\r\n"
				   "\r\n" MESSAGE;

	for (uint32_t n = 0; n < STREAMS; n++) {
		pair->head[n] = rand_r(random) % 2;
		if (n >= 60)
			wait_until(&pair->answered, n - 60);
		const char *text = pair->head[n] ? head : post;
		unsigned found = feed(pair->name, true, text, strlen(text));
		must(found == !pair->head[n], "a request");
		atomic_store(&pair->asked, n + 1);
	}
}

static void answer(struct pair *pair)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length:15\r\n"
				   "Content-Type:application/dns-message\r\n"
				   "\r\n" MESSAGE;

	for (uint32_t n = 0; n < STREAMS; n++) {
		wait_until(&pair->asked, n + 1);
		size_t size = strlen(text);
		if (pair->head[n])
			size -= strlen(MESSAGE);
		unsigned found = feed(pair->name, false, text, size);
		must(found == !pair->head[n], "a response");
		atomic_store(&pair->answered, n + 1);
	}
}

static void round_of(struct pair *pair, bool requests, unsigned *random)
{
	if (requests) {
		pair->version = rand_r(random) % 2;
		pair->name = http_open(pair->version);
		pair->asked = pair->answered = 0;
		must(pair->name, "no memory");
	}
	pthread_barrier_wait(&pair->barrier);
	http_name name = pair->name;
	if (pair->version == HTTP_2)
		speak_http2(pair, requests, random);
	else if (requests)
		ask(pair, random);
	else
		answer(pair);
	http_close(name);
	pthread_barrier_wait(&pair->barrier);
}

static void *client(void *pair)
{
	unsigned random = ((struct pair *)pair)->seed;

	for (int i = 0; i < ROUNDS; i++)
		round_of(pair, true, &random);
	return NULL;
}

static void *server(void *pair)
{
	unsigned random = ((struct pair *)pair)->seed + 1;

	for (int i = 0; i < ROUNDS; i++)
		round_of(pair, false, &random);
	return NULL;
}

int main(void)
{
	static struct pair pairs[PAIRS];
	pthread_t thread[PAIRS][2];
	size_t left = 0, names = 0;

	for (int i = 0; i < PAIRS; i++) {
		pairs[i].seed = 2 * i;
		pthread_barrier_init(&pairs[i].barrier, NULL, 2);
		pthread_create(&thread[i][0], NULL, client, &pairs[i]);
		pthread_create(&thread[i][1], NULL, server, &pairs[i]);
	}
	for (int i = 0; i < PAIRS; i++) {
		pthread_join(thread[i][0], NULL);
		pthread_join(thread[i][1], NULL);
	}
	while (pool_take(POOL_SMALL))
		left++;
	must(left == 8192, "not all blocks are there");
	while (http_open(HTTP_1))
		names++;
	must(names == HTTP_CONNECTIONS, "not all connections are there");
	printf("race/http: %lu messages\n", messages);
	return 0;
}
