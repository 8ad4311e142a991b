/* SPDX-License-Identifier: Apache-2.0
 *
 * tap PATH: how many messages a tap's thread takes out of its queue and hands to
 * the collector at PATH, beside two other ways with the same messages: packing
 * them and nothing else, and what programs do that use libfstrm: pack, malloc,
 * fstrm_iothr_submit. All a second of processor time, that of both threads for
 * libfstrm, because neither producer nor collector is to be the limit. Prints
 * one `name value` a line.
 */
#include <err.h>
#include <fstrm.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dnstap.pb-c.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/queue.h"
#include "shim/tap/tap.h"

#define KINDS        256 /* of different transactions */
#define QUERY_SIZE   64
#define ANSWER_SIZE  256
#define ROUNDS       5
#define MESSAGES     1000000 /* of one round */
#define FRAME_MAX    512
#define CONTENT_TYPE "protobuf:dnstap.Dnstap"

struct sample {
	struct event event;
	uint8_t payload[ANSWER_SIZE];
};

static char identity[] = "bench.example", version[] = "bench 1.0";

/* A query, its response, the next query … */
static struct sample sample[2 * KINDS];

static void make_samples(void)
{
	for (unsigned i = 0; i < 2 * KINDS; i++) {
		struct event *event = &sample[i].event;
		bool response = i & 1;
		uint8_t head[] = { 0, i / 2, response ? 0x84 : 0, 0, 0, 1 };

		event->flags = EVENT_SERVES | EVENT_LOCAL | EVENT_REMOTE |
			       (response ? EVENT_SENT : 0);
		memcpy(event->local, "\12\0\0\1", 4);
		memcpy(event->remote, "\12\0\0\2", 4);
		event->local_port = 53;
		event->remote_port = 20000 + i / 2;
		event->size = response ? ANSWER_SIZE : QUERY_SIZE;
		memcpy(sample[i].payload, head, sizeof(head));
		memcpy(sample[i].payload + 12, "\4host\5bench\4test\0\0\1\0\1",
		       21);
	}
}

static struct event *sample_at(size_t i, uint64_t now)
{
	struct event *event = &sample[i % (2 * KINDS)].event;

	event->stamp_ns = now;
	return event;
}

static ProtobufCBinaryData bytes(const void *data, size_t size)
{
	return (ProtobufCBinaryData){ size, (uint8_t *)data };
}

/* As programs do with protobuf-c: what does not change is set up once. */
static size_t pack(const struct event *event, uint8_t *out)
{
	static Dnstap__Message m = DNSTAP__MESSAGE__INIT;
	static Dnstap__Dnstap dnstap = DNSTAP__DNSTAP__INIT;
	bool response = event->flags & EVENT_SENT;

	dnstap.message = &m;
	dnstap.type = DNSTAP__DNSTAP__TYPE__MESSAGE;
	dnstap.has_identity = dnstap.has_version = true;
	dnstap.identity = bytes(identity, sizeof(identity) - 1);
	dnstap.version = bytes(version, sizeof(version) - 1);
	m.has_socket_family = m.has_socket_protocol = true;
	m.socket_family = DNSTAP__SOCKET_FAMILY__INET;
	m.socket_protocol = DNSTAP__SOCKET_PROTOCOL__UDP;
	m.has_query_address = m.has_response_address = true;
	m.has_query_port = m.has_response_port = true;
	m.has_query_time_sec = m.has_query_time_nsec = true;

	m.type = response ? DNSTAP__MESSAGE__TYPE__AUTH_RESPONSE
			  : DNSTAP__MESSAGE__TYPE__AUTH_QUERY;
	m.query_address = bytes(event->remote, 4);
	m.response_address = bytes(event->local, 4);
	m.query_port = event->remote_port;
	m.response_port = event->local_port;
	m.query_time_sec = m.response_time_sec = event->stamp_ns / NS_PER_S;
	m.query_time_nsec = m.response_time_nsec = event->stamp_ns % NS_PER_S;
	m.has_response_time_sec = m.has_response_time_nsec = response;
	m.has_query_message = !response;
	m.has_response_message = response;
	m.query_message = m.response_message =
		bytes(event->payload, event->size);
	return dnstap__dnstap__pack(&dnstap, out);
}

static void pin(unsigned cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu % sysconf(_SC_NPROCESSORS_ONLN), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

/* What all threads have used. */
static uint64_t used_by_all(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* What the other threads have used: there is one, the tap's. */
static uint64_t used_by_others(void)
{
	return used_by_all() - clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static double per_second(uint64_t used_ns)
{
	return MESSAGES * 1e9 / used_ns;
}

/* Packing and nothing else. */
static double pack_round(void)
{
	static uint8_t out[FRAME_MAX];
	uint64_t before = used_by_all();

	pin(0);
	for (size_t i = 0; i < MESSAGES; i++) {
		struct event *event = sample_at(i, before + i);

		pack(event, out);
	}
	return per_second(used_by_all() - before);
}

/* The tap's thread, kept busy from another processor. */

static void produce(struct queue *queue)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		const struct event *event = sample_at(i, clock_steady());
		struct queue_room room;

		while (!(room = queue_reserve(queue, event->size)).event)
			usleep(200); /* full: leave the tap in peace */
		memcpy(room.event, event, offsetof(struct event, part));
		memcpy(room.event->payload, event->payload, event->size);
		queue_commit(queue, room);
	}
}

static double tap_round(const struct config *config)
{
	struct queue *queue = queue_new(CONFIG_QUEUE_UNIT);
	static struct metrics metrics;

	if (!queue)
		err(1, "queue");
	metrics_begin(config);
	memset(&metrics, 0, sizeof(metrics));
	uint64_t before = used_by_others();
	pin(0);
	int error = tap_start(config, 0, queue, &metrics);
	pin(1);
	if (error)
		errx(1, "tap_start: %s", strerror(-error));
	produce(queue);
	queue_finish(queue, clock_steady() + 10 * NS_PER_S);
	queue_await_finished(queue, clock_steady() + 10 * NS_PER_S);
	if (queue_dropped(queue, DROP_ENDPOINT))
		errx(1, "not everything was sent");
	return per_second(used_by_others() - before);
}

/* libfstrm's own path. */

static struct fstrm_iothr *iothr_new(const char *path)
{
	struct fstrm_unix_writer_options *at = fstrm_unix_writer_options_init();
	struct fstrm_writer_options *wo = fstrm_writer_options_init();

	fstrm_unix_writer_options_set_socket_path(at, path);
	fstrm_writer_options_add_content_type(wo, CONTENT_TYPE,
					      strlen(CONTENT_TYPE));
	struct fstrm_writer *writer = fstrm_unix_writer_init(at, wo);
	struct fstrm_iothr *iothr = fstrm_iothr_init(NULL, &writer);
	fstrm_unix_writer_options_destroy(&at);
	fstrm_writer_options_destroy(&wo);
	if (!iothr)
		errx(1, "fstrm_iothr_init");
	return iothr;
}

static double fstrm_round(const char *path)
{
	pin(0);
	struct fstrm_iothr *iothr = iothr_new(path);
	struct fstrm_iothr_queue *queue = fstrm_iothr_get_input_queue(iothr);
	uint64_t before = used_by_all();

	for (size_t i = 0; i < MESSAGES; i++) {
		struct event *event = sample_at(i, clock_steady());
		uint8_t *frame = malloc(FRAME_MAX);
		size_t size = pack(event, frame);

		while (fstrm_iothr_submit(iothr, queue, frame, size,
					  fstrm_free_wrapper,
					  NULL) == fstrm_res_again)
			sched_yield();
	}
	fstrm_iothr_destroy(&iothr); /* writes what is left */
	return per_second(used_by_all() - before);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const char *name, double *rates)
{
	qsort(rates, ROUNDS, sizeof(*rates), by_value);
	printf("%s %.0f\n", name, rates[ROUNDS / 2]);
}

int main(int argc, char **argv)
{
	double packed[ROUNDS], tap[ROUNDS], fstrm[ROUNDS];

	if (argc != 2)
		errx(64, "usage: tap PATH");
	struct tap_config tap_config = {
		.kind = ENDPOINT_UNIX,
		.socket = argv[1],
		.address = argv[1],
		.full = true,
		.queue = 1,
		.identity = identity,
		.version = version,
		.types = ~0u,
		.sample = 1,
		.anonymize_v4 = 32,
		.anonymize_v6 = 128,
	};

	struct config config = { .n_taps = 1, .taps = &tap_config };
	log_open(NULL, NULL);
	make_samples();
	for (int i = 0; i < ROUNDS; i++) {
		packed[i] = pack_round();
		tap[i] = tap_round(&config);
		fstrm[i] = fstrm_round(argv[1]);
	}
	report("tap.pack_alone", packed);
	report("tap.thread", tap);
	report("tap.libfstrm", fstrm);
	return 0;
}
