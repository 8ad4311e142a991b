/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of beginning, and what a forked child begins anew.
 *
 *   constructor    real functions; configuration; capture on. No thread, no
 *                  socket, no large memory: the host may close every fd, fork
 *                  into the background, change its root and its user first.
 *                  All this earlier, where a constructor of the host's own
 *                  libraries opens an internet socket.
 *   first message  the queues, then the taps' threads.
 *   fork           the child finds its `live` page zeroed by the kernel, however
 *                  it was forked, and begins at its own first message.
 *   exit           everything captured is sent, or the time is up.
 */
#include "shim/life.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/process.h"
#include "shim/capture/capture.h"
#include "shim/capture/enqueue.h"
#include "shim/hook/real.h"
#include "shim/hook/syscall.h"
#include "shim/queue.h"
#include "shim/tap/isolate.h"
#include "shim/tap/tap.h"

#define EXIT_MS_DEFAULT 900 /* the host exits at most 1 s later, all told */
#define EXIT_MS_MAX     60000
#define RETRY_NS        NS_PER_S /* after memory or a thread was refused */

/* Zero in a process that has not begun. */
struct live {
	struct process process;
	_Atomic uint64_t retry_ns;
	struct queue *_Atomic queue[CONFIG_TAPS_MAX]; /* what capture fills */
	struct queue *_Atomic mapped[CONFIG_TAPS_MAX];
	_Atomic bool running[CONFIG_TAPS_MAX];
	_Atomic uint64_t lost[CONFIG_TAPS_MAX];
	struct metrics *_Atomic metrics;
};

static struct live *live;
static struct config *config;
static uint64_t exit_ns;

__attribute__((visibility("default"))) const char dnstapshim_version[] =
	DNSTAPSHIM_VERSION;

static struct queue *map_queue(size_t i)
{
	struct queue *queue = atomic_load(&live->mapped[i]);

	if (queue)
		return queue;
	struct queue *made =
		queue_new((size_t)config->taps[i].queue * CONFIG_QUEUE_UNIT);
	if (made &&
	    !atomic_compare_exchange_strong(&live->mapped[i], &queue, made)) {
		queue_free(made); /* another thread was first */
		return queue;
	}
	return made;
}

static struct metrics *make_metrics(void)
{
	struct metrics *metrics = atomic_load(&live->metrics);

	if (metrics)
		return metrics;
	struct metrics *made = metrics_new(config);
	if (made &&
	    !atomic_compare_exchange_strong(&live->metrics, &metrics, made)) {
		metrics_free(made);
		return metrics;
	}
	return made;
}

static int start_tap(size_t i)
{
	struct queue *queue = map_queue(i);
	struct metrics *metrics = make_metrics();

	if (!queue || !metrics)
		return -ENOMEM;
	/* Open before the thread runs: others need not wait for that. */
	atomic_store(&live->queue[i], queue);
	if (atomic_exchange(&live->running[i], true))
		return 0;
	int error = tap_start(config, i, queue, metrics);
	if (error) {
		atomic_store(&live->queue[i], NULL);
		atomic_store(&live->running[i], false);
		return error;
	}
	queue_count_drop(queue, DROP_UNSTARTED,
			 atomic_exchange(&live->lost[i], 0));
	return 0;
}

static void start(void)
{
	int saved = errno;
	uint64_t now = clock_steady();

	if (!process_is_guest() && now >= atomic_load(&live->retry_ns))
		for (size_t i = 0; i < config->n_taps; i++)
			if (start_tap(i))
				atomic_store(&live->retry_ns, now + RETRY_NS);
	errno = saved;
}

void life_reserve(void)
{
	static _Atomic bool reserved;
	int saved = errno;

	if (live && !process_is_guest() && !atomic_exchange(&reserved, true))
		tap_reserve(config);
	errno = saved;
}

void life_end(void)
{
	int saved = errno;

	if (!live || process_is_guest())
		return;
	uint64_t deadline = clock_steady() + exit_ns;
	for (size_t i = 0; i < config->n_taps; i++)
		if (atomic_load(&live->running[i]))
			queue_finish(live->mapped[i], deadline);
	for (size_t i = 0; i < config->n_taps; i++)
		if (atomic_load(&live->running[i]))
			queue_await_finished(live->mapped[i], deadline);
	errno = saved;
}

void life_resume(void)
{
	if (!live || process_is_guest())
		return;
	for (size_t i = 0; i < config->n_taps; i++) {
		if (!atomic_load(&live->running[i]))
			continue;
		/* A tap that has run out of time keeps its queue. */
		if (!queue_reopen(live->mapped[i]))
			atomic_store(&live->mapped[i], NULL);
		atomic_store(&live->queue[i], NULL);
		atomic_store(&live->running[i], false);
	}
}

/* Where the kernel cannot wipe a page on fork, libc's own forks must do. */
static void wipe(void)
{
	memset(live, 0, sizeof(*live));
}

static bool map_live(void)
{
	void *page = mmap(NULL, sizeof(*live), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return false;
	live = page;
	bool wiped = !madvise(page, sizeof(*live), MADV_WIPEONFORK);
	if (!wiped && pthread_atfork(NULL, NULL, wipe))
		return false;
	process_begin(&live->process, wiped);
	return true;
}

static bool load_config(void)
{
	struct config_env env;
	struct config_error *errors = NULL;

	config_env_read(&env);
	log_open(LOG_TARGET_STDERR, NULL);
	if (!env.config || !*env.config)
		return false;
	int error = config_load(&env, &config, &errors);
	if (error && !errors)
		log_line(NULL, "not tapped: %s", strerror(-error));
	for (struct config_error *e = errors; e; e = e->next)
		log_line(NULL, "not tapped: %s", e->text);
	config_errors_free(errors);
	return !error && config->n_taps;
}

static uint64_t exit_budget(void)
{
	const char *text = getenv("DNSTAP_EXIT_MS");
	char *end;
	unsigned long ms = text ? strtoul(text, &end, 10) : EXIT_MS_DEFAULT;

	if (text && (end == text || *end || ms > EXIT_MS_MAX)) {
		log_line(NULL,
			 "DNSTAP_EXIT_MS: \"%s\" is not a number of "
			 "milliseconds up to %d; using %d",
			 text, EXIT_MS_MAX, EXIT_MS_DEFAULT);
		ms = EXIT_MS_DEFAULT;
	}
	return ms * NS_PER_MS;
}

/* In a set-id program, whose environment is its caller's, config_env_read finds
 * nothing. */
static bool wanted(void)
{
	const char *disable = getenv("DNSTAP_DISABLE");

	return !disable || !*disable || !strcmp(disable, "0");
}

/* Named in LD_PRELOAD under two paths, each would log every message. */
static bool another_behind_us(void)
{
	bool found = dlsym(RTLD_NEXT, "dnstapshim_version") != NULL;

	dlerror(); /* the host's next call of it is not to tell of ours */
	return found;
}

static void begin(void)
{
	real_resolve();
	if (!wanted() || !load_config() || another_behind_us())
		return;
	log_open(config->log, config->log_path);
	if (!tap_prepare(config))
		return;
	clock_begin();
	exit_ns = exit_budget();
	if (!map_live()) {
		log_line(NULL, "not tapped: %s", strerror(errno));
		return;
	}
	isolate_begin();
	at_quick_exit(life_end);
	syscall_observe();
	enqueue_begin(&(struct enqueue_setup){
		.queues = config->n_taps,
		.queue = live->queue,
		.lost = live->lost,
		.start = start,
	});
	capture_begin(config->ports);
}

void life_begin(void)
{
	static _Atomic bool begun;
	int saved = errno;

	if (!atomic_load_explicit(&begun, memory_order_relaxed) &&
	    !atomic_exchange(&begun, true))
		begin();
	errno = saved;
}

__attribute__((constructor)) static void construct(void)
{
	life_begin();
}

__attribute__((destructor)) static void destruct(void)
{
	life_end();
}
