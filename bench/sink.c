/* SPDX-License-Identifier: Apache-2.0
 *
 * sink PATH [EVERY]: the cheapest collector there can be. Serves one connection
 * after the other on a unix socket, takes the frames apart, counts them, and
 * throws them away. One in EVERY is decoded for its latency: from the time it
 * bears to now. On SIGTERM prints what it counted, one `name value` a line.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dnstap.pb-c.h"
#include "shim/base/clock.h"

#define BUFFER_SIZE (1 << 20)
#define SAMPLES_MAX (1 << 20)

enum { ACCEPT = 1, STOP = 3, READY = 4, FINISH = 5 };

static uint8_t buffer[BUFFER_SIZE];
static uint64_t frames, octets;
static unsigned every;
static uint64_t latency[SAMPLES_MAX]; /* ns */
static size_t samples;
static volatile sig_atomic_t over;

static void on_term(int signal)
{
	(void)signal;
	over = 1;
}

static uint32_t be32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return ntohl(value);
}

/* READY's fields are echoed: whatever is offered is accepted. */
static void answer(int fd, const uint8_t *frame, size_t size)
{
	uint8_t reply[512];
	uint32_t type = be32(frame + 8);

	if (size > sizeof(reply) || (type != READY && type != STOP))
		return;
	memcpy(reply, frame, size);
	reply[11] = type == READY ? ACCEPT : FINISH;
	if (write(fd, reply, size) < 0 && errno != EPIPE)
		warn("write");
}

static void measure(const uint8_t *frame, size_t size)
{
	uint64_t now = clock_wall();
	Dnstap__Dnstap *dnstap = dnstap__dnstap__unpack(NULL, size, frame);

	if (!dnstap)
		errx(1, "a frame that is no dnstap");
	const Dnstap__Message *m = dnstap->message;
	uint64_t then =
		m->has_response_time_sec
			? m->response_time_sec * NS_PER_S +
				  m->response_time_nsec
			: m->query_time_sec * NS_PER_S + m->query_time_nsec;
	if (samples < SAMPLES_MAX)
		latency[samples++] = now - then;
	dnstap__dnstap__free_unpacked(dnstap, NULL);
}

/* Returns how many octets make up the whole frames at the beginning. */
static size_t take_frames(int fd, size_t size)
{
	size_t at = 0;

	while (size - at >= 12) { /* the least that a control frame has */
		size_t length = be32(buffer + at);
		size_t whole = length ? 4 + length : 8 + be32(buffer + at + 4);

		if (size - at < whole)
			break;
		if (!length) {
			answer(fd, buffer + at, whole);
		} else {
			frames++;
			octets += whole;
			if (every && frames % every == 0)
				measure(buffer + at + 4, length);
		}
		at += whole;
	}
	return at;
}

static void serve(int fd)
{
	size_t held = 0;
	ssize_t n;

	while (!over && (n = read(fd, buffer + held, BUFFER_SIZE - held)) > 0) {
		held += n;
		size_t taken = take_frames(fd, held);
		held -= taken;
		memmove(buffer, buffer + taken, held);
	}
	close(fd);
}

static int listen_at(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof(name.sun_path))
		errx(64, "%s: too long", path);
	strcpy(name.sun_path, path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) ||
	    listen(fd, 8))
		err(1, "%s", path);
	return fd;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void report(void)
{
	printf("frames %llu\noctets %llu\n", (unsigned long long)frames,
	       (unsigned long long)octets);
	if (!samples)
		return;
	qsort(latency, samples, sizeof(*latency), by_value);
	printf("latency.p50 %.1f\nlatency.p99 %.1f\nlatency.p999 %.1f\n"
	       "latency.max %.1f\n",
	       latency[samples / 2] / 1e3, latency[samples * 99 / 100] / 1e3,
	       latency[samples * 999 / 1000] / 1e3, latency[samples - 1] / 1e3);
}

int main(int argc, char **argv)
{
	struct sigaction term = { .sa_handler = on_term }; /* no SA_RESTART */

	if (argc < 2 || argc > 3)
		errx(64, "usage: sink PATH [EVERY]");
	every = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	sigaction(SIGTERM, &term, NULL);
	signal(SIGPIPE, SIG_IGN); /* some do not wait for FINISH */
	int listener = listen_at(argv[1]);
	puts("listening");
	fflush(stdout);
	while (!over) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			serve(fd);
		else if (errno != EINTR)
			err(1, "accept");
	}
	report();
	return 0;
}
