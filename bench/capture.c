/* SPDX-License-Identifier: Apache-2.0
 *
 * What the hooks cost a server's thread, in nanoseconds a message, without the
 * kernel: the functions behind the hooks are stubs that return at once, and
 * what a stub costs is subtracted. Prints one `name value` a line.
 *
 * Beside it stands the floor, measured in turns with it: what nobody who logs a
 * message can do without, that is to read the clock, claim a slot of an equally
 * large ring with one atomic operation, and copy the message there.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/common.h"
#include "shim/base/clock.h"
#include "shim/capture/capture.h"
#include "shim/capture/enqueue.h"
#include "shim/hook/real.h"
#include "shim/queue.h"

#define THREADS_MAX 4
#define TAPS_MAX    2
#define BATCH       32
#define MESSAGES    10000 /* the queue's, as a default tap has them */
#define STEADY      256   /* messages between two looks of the consumer: */
#define BEHIND      8192  /* at 250,000 a second; once it has fallen behind */
#define ROUND       8192  /* messages of one round */
#define PASSES      5
#define TURNS       6
#define ROUNDS      (PASSES * TURNS)
#define CALLS       100000 /* at a time, on a foreign fd */
#define STRIDE      (sizeof(struct event) + QUEUE_SLOT_PAYLOAD)

/* One thread's messages, as the kernel would have left them. */
struct server {
	pthread_t thread;
	unsigned number;
	uint64_t began, ended;
	struct sockaddr_in name[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr vector[BATCH];
	uint8_t payload[BATCH][QUEUE_SLOT_PAYLOAD];
};

static struct server servers[THREADS_MAX];
static struct queue *_Atomic queues[TAPS_MAX];
static _Atomic uint64_t lost[TAPS_MAX];
static uint64_t ports[65536 / 64];
static int dns_fd, foreign_fd;

/* What the threads are to do in this burst. */
static struct task {
	void (*work)(struct server *server, size_t messages);
	size_t messages; /* of each thread */
	unsigned threads;
	size_t size;
} task;

/* The stubs, and the names by which a program reaches one or a hook. */

static ssize_t stub_recvfrom(int fd, void *restrict buffer, size_t size,
			     int flags, struct sockaddr *restrict name,
			     socklen_t *restrict name_size)
{
	(void)fd, (void)buffer, (void)flags, (void)name, (void)name_size;
	return size;
}

static int stub_recvmmsg(int fd, struct mmsghdr *vector, unsigned int length,
			 int flags, struct timespec *timeout)
{
	(void)fd, (void)vector, (void)flags, (void)timeout;
	return length;
}

static ssize_t stub_recvmsg(int fd, struct msghdr *message, int flags)
{
	(void)fd, (void)flags;
	memcpy(message->msg_name, &servers[0].name[0], sizeof(*servers->name));
	message->msg_namelen = sizeof(*servers->name);
	message->msg_controllen = 0;
	return message->msg_iov->iov_len;
}

static ssize_t stub_sendto(int fd, const void *buffer, size_t size, int flags,
			   const struct sockaddr *name, socklen_t name_size)
{
	(void)fd, (void)buffer, (void)flags, (void)name, (void)name_size;
	return size;
}

static int stub_sendmmsg(int fd, struct mmsghdr *vector, unsigned int length,
			 int flags)
{
	(void)fd, (void)vector, (void)flags;
	return length;
}

static ssize_t stub_read(int fd, void *buffer, size_t size)
{
	(void)fd, (void)buffer;
	return size;
}

/* Volatile: called through a pointer, as by way of the PLT. */
static typeof(recvfrom) *volatile call_recvfrom;
static typeof(recvmmsg) *volatile call_recvmmsg;
static typeof(sendto) *volatile call_sendto;
static typeof(sendmmsg) *volatile call_sendmmsg;
static typeof(read) *volatile call_read;

static void use_hooks(bool hooks)
{
	call_recvfrom = hooks ? recvfrom : stub_recvfrom;
	call_recvmmsg = hooks ? recvmmsg : stub_recvmmsg;
	call_sendto = hooks ? sendto : stub_sendto;
	call_sendmmsg = hooks ? sendmmsg : stub_sendmmsg;
	call_read = hooks ? read : stub_read;
}

/* Ways to spend a burst. */

static void receive_single(struct server *server, size_t messages)
{
	for (size_t i = 0; i < messages; i++) {
		socklen_t name_size = sizeof(*server->name);
		call_recvfrom(dns_fd, server->payload[i % BATCH], task.size, 0,
			      (struct sockaddr *)&server->name[i % BATCH],
			      &name_size);
	}
}

static void receive_batch(struct server *server, size_t messages)
{
	for (size_t i = 0; i < messages; i += BATCH)
		call_recvmmsg(dns_fd, server->vector, BATCH, 0, NULL);
}

static void send_single(struct server *server, size_t messages)
{
	for (size_t i = 0; i < messages; i++)
		call_sendto(dns_fd, server->payload[i % BATCH], task.size, 0,
			    (struct sockaddr *)&server->name[i % BATCH],
			    sizeof(*server->name));
}

static void send_batch(struct server *server, size_t messages)
{
	for (size_t i = 0; i < messages; i += BATCH)
		call_sendmmsg(dns_fd, server->vector, BATCH, 0);
}

static const struct way {
	const char *name;
	void (*work)(struct server *server, size_t messages);
	unsigned threads_max;
} ways[] = {
	{ "single", receive_single, THREADS_MAX },
	{ "batch", receive_batch, THREADS_MAX },
	{ "send", send_single, 1 },
	{ "send_batch", send_batch, 1 },
};

#define WAYS ARRAY_SIZE(ways)

static struct {
	uint8_t *slots;
	uint64_t tail;
	_Alignas(128) _Atomic uint64_t head;
} ring;

static struct event *slot_at(uint64_t position)
{
	return (struct event *)(ring.slots + position % MESSAGES * STRIDE);
}

static void copy_only(struct server *server, size_t messages)
{
	for (size_t i = 0; i < messages; i++) {
		uint64_t now = clock_steady();
		struct event *event = slot_at(atomic_fetch_add(&ring.head, 1));

		event->stamp_ns = now;
		memcpy(event->payload, server->payload[i % BATCH], task.size);
	}
}

static void receive_foreign(struct server *server, size_t calls)
{
	for (size_t i = 0; i < calls; i++) {
		socklen_t name_size = sizeof(*server->name);
		call_recvfrom(foreign_fd, server->payload, 64, 0,
			      (struct sockaddr *)server->name, &name_size);
	}
}

static void read_foreign(struct server *server, size_t calls)
{
	for (size_t i = 0; i < calls; i++)
		call_read(foreign_fd, server->payload, 64);
}

/* Threads that begin a burst at the same time. */

static _Atomic unsigned burst_number, arrived, done;

static void *serve(void *argument)
{
	struct server *server = argument;

	for (unsigned burst = 1;; burst++) {
		while (atomic_load(&burst_number) < burst)
			sched_yield();
		if (!task.work)
			return NULL;
		if (server->number >= task.threads)
			continue;
		atomic_fetch_add(&arrived, 1);
		while (atomic_load(&arrived) < task.threads)
			if (task.threads > 2)
				sched_yield();
		server->began = clock_steady();
		task.work(server, task.messages);
		server->ended = clock_steady();
		atomic_fetch_add(&done, 1);
	}
}

/* Returns the nanoseconds from the first thread's beginning to the last one's
 * end. */
static uint64_t run_burst(void)
{
	uint64_t began = UINT64_MAX, ended = 0;

	atomic_store(&arrived, 0);
	atomic_store(&done, 0);
	atomic_fetch_add(&burst_number, 1);
	while (task.work && atomic_load(&done) < task.threads)
		sched_yield();
	for (unsigned i = 0; i < task.threads; i++) {
		if (servers[i].began < began)
			began = servers[i].began;
		if (servers[i].ended > ended)
			ended = servers[i].ended;
	}
	return ended - began;
}

/* The consumer, while nobody produces: it reads every line, as a tap does. */

static uint64_t sum_of(const struct event *event, size_t size)
{
	uint64_t sum = event->stamp_ns;

	for (size_t i = 0; i < size; i += 64)
		sum += event->payload[i];
	return sum;
}

static volatile uint64_t sum;

static void drain_queues(size_t taps, size_t expected)
{
	for (size_t tap = 0; tap < taps; tap++) {
		size_t count = queue_collect(queues[tap], UINT64_MAX);

		if (count != expected)
			errx(1, "%zu of %zu messages", count, expected);
		for (size_t i = 0; i < count; i++)
			sum += sum_of(queue_event(queues[tap], i), task.size);
		queue_release(queues[tap], count);
	}
}

static void drain_ring(void)
{
	for (; ring.tail < ring.head; ring.tail++)
		sum += sum_of(slot_at(ring.tail), task.size);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

/* ns a message, spent in bursts. */
static double timed(void (*work)(struct server *, size_t), bool hooks,
		    size_t taps)
{
	size_t burst = task.messages * task.threads;
	uint64_t spent = 0;

	task.work = work;
	use_hooks(hooks);
	for (size_t i = 0; i < ROUND / burst; i++) {
		spent += run_burst();
		drain_ring();
		if (hooks)
			drain_queues(taps, burst);
	}
	return (double)spent / (ROUND / burst * burst);
}

static void set_size(size_t size)
{
	task.size = size;
	for (unsigned i = 0; i < THREADS_MAX; i++)
		for (unsigned k = 0; k < BATCH; k++) {
			servers[i].iov[k].iov_len = size;
			servers[i].vector[k].msg_len = size;
		}
}

/* What is measured, in passes: whatever else the machine does for a while spoils
 * a part of every sample, and so hardly any median. */
static struct setting {
	size_t size, burst, taps;
	unsigned threads;
	const struct way *way;
	double cost[ROUNDS], floor[ROUNDS];
} setting[128];

static size_t settings;

static void add_settings(size_t size, unsigned threads, size_t taps)
{
	for (size_t i = 0; i < 2 * WAYS; i++)
		if (threads <= ways[i / 2].threads_max)
			setting[settings++] = (struct setting){
				.size = size,
				.burst = i & 1 ? BEHIND : STEADY,
				.taps = taps,
				.threads = threads,
				.way = &ways[i / 2],
			};
}

/* Hooks and floor in turns. */
static void measure(struct setting *of, size_t pass)
{
	void (*work)(struct server *, size_t) = of->way->work;
	double *cost = of->cost + pass * TURNS,
	       *floor = of->floor + pass * TURNS;

	enqueue_begin(&(struct enqueue_setup){
		.queues = of->taps, .queue = queues, .lost = lost });
	set_size(of->size);
	task.threads = of->threads;
	task.messages = of->burst / of->threads;
	for (int i = -1; i < TURNS; i++) { /* the first one warms up */
		size_t at = i < 0 ? 0 : i;

		floor[at] = timed(copy_only, false, 0);
		cost[at] = -timed(work, false, 0);
		cost[at] += timed(work, true, of->taps);
	}
}

/* The median, and what a tenth of the rounds are below and above. */
static void print(const struct setting *of, const char *name, double *values)
{
	static const char *const suffix[] = { ".low", "", ".high" };
	const char *state = of->burst == STEADY ? "steady" : "behind";

	qsort(values, ROUNDS, sizeof(*values), by_value);
	for (int i = 0; i < 3; i++)
		printf("%s.%s.%zu.threads%u.taps%zu%s %.2f\n", state, name,
		       of->size, of->threads, of->taps, suffix[i],
		       values[ROUNDS * (1 + 4 * i) / 10]);
}

static void report(struct setting *of)
{
	print(of, of->way->name, of->cost);
	if (of->way == ways && of->taps == 1)
		print(of, "floor", of->floor);
}

static double timed_calls(void (*work)(struct server *, size_t), bool hooks)
{
	task.work = work;
	use_hooks(hooks);
	return (double)run_burst() / CALLS;
}

static void measure_foreign(const char *name,
			    void (*work)(struct server *, size_t))
{
	double bare[ROUNDS], added[ROUNDS];

	task.threads = 1;
	task.messages = CALLS;
	for (int i = 0; i < ROUNDS; i++) {
		bare[i] = timed_calls(work, false);
		added[i] = timed_calls(work, true) - bare[i];
	}
	printf("pass_through.%s.bare %.2f\npass_through.%s.added %.2f\n", name,
	       median(bare, ROUNDS), name, median(added, ROUNDS));
}

static void pin(pthread_t thread, unsigned number)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(number % sysconf(_SC_NPROCESSORS_ONLN), &cpus);
	pthread_setaffinity_np(thread, sizeof(cpus), &cpus);
}

static void start_servers(void)
{
	for (unsigned i = 0; i < THREADS_MAX; i++) {
		struct server *server = &servers[i];

		server->number = i;
		for (unsigned k = 0; k < BATCH; k++) {
			server->name[k] = (struct sockaddr_in){
				.sin_family = AF_INET,
				.sin_port = htons(40000 + k),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
			};
			server->iov[k].iov_base = server->payload[k];
			server->vector[k].msg_hdr = (struct msghdr){
				.msg_name = &server->name[k],
				.msg_namelen = sizeof(server->name[k]),
				.msg_iov = &server->iov[k],
				.msg_iovlen = 1,
			};
			memset(server->payload[k], k, QUEUE_SLOT_PAYLOAD);
		}
		pthread_create(&server->thread, NULL, serve, server);
		pin(server->thread, i);
	}
}

static const uint64_t no_ports[65536 / 64];

/* A socket on a port of its own, the only DNS port here. */
static void open_sockets(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t size = sizeof(name);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	dns_fd = socket(AF_INET, SOCK_DGRAM, 0);
	foreign_fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (dns_fd < 0 || foreign_fd < 0 ||
	    bind(dns_fd, (struct sockaddr *)&name, size) ||
	    getsockname(dns_fd, (struct sockaddr *)&name, &size))
		err(1, "socket");
	uint16_t port = ntohs(name.sin_port);
	ports[port >> 6] |= 1ull << (port & 63);
}

int main(void)
{
	static const size_t sizes[] = { 64, 256, 512, 1232 };
	static const unsigned threads[] = { 1, 2, 4 };

	open_sockets();
	for (size_t tap = 0; tap < TAPS_MAX; tap++)
		queues[tap] = queue_new(MESSAGES);
	ring.slots = mmap(NULL, MESSAGES * STRIDE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	capture_begin(&(struct socket_ports){ .dns = ports, .tls = no_ports });
	real.recvfrom = stub_recvfrom;
	real.recvmsg = stub_recvmsg;
	real.recvmmsg = stub_recvmmsg;
	real.sendto = stub_sendto;
	real.sendmmsg = stub_sendmmsg;
	real.read = stub_read;
	start_servers();
	pin(pthread_self(), 1);
	for (size_t t = 0; t < 3; t++)
		for (size_t s = 0; s < 4; s++)
			for (size_t taps = 1; taps <= TAPS_MAX; taps++)
				add_settings(sizes[s], threads[t], taps);
	for (size_t pass = 0; pass < PASSES; pass++)
		for (size_t i = 0; i < settings; i++)
			measure(&setting[i], pass);
	for (size_t i = 0; i < settings; i++)
		report(&setting[i]);
	/* Known as foreign after the first call. */
	measure_foreign("recvfrom", receive_foreign);
	measure_foreign("read", read_foreign);
	task.work = NULL;
	run_burst();
	return 0;
}
