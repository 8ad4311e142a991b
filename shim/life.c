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
#include "shim/hook/life.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config/config.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/process.h"
#include "shim/base/sandbox.h"
#include "shim/base/secret.h"
#include "shim/capture/capture.h"
#include "shim/capture/enqueue.h"
#include "shim/hook/dl.h"
#include "shim/hook/real.h"
#include "shim/hook/syscall.h"
#include "shim/queue.h"
#include "shim/tap/stats.h"
#include "shim/tap/family.h"
#include "shim/tap/worker.h"
#include "shim/tap/tap.h"

#define EXIT_MS_DEFAULT 900 /* the host exits at most 1 s later, all told */
#define EXIT_MS_MAX     60000
#define CHILD_NS        (300 * NS_PER_MS) /* the end of a child, and an exec */
#define CHILD_SHARE     10                /* and a tenth of its time */
#define RETRY_NS        NS_PER_S /* after memory or a thread was refused */

enum state {
	IDLE,    /* no thread */
	RUNNING, /* a thread, or about to have one */
	ENDED,   /* the thread has ended, or will; another may follow */
};

/* Zero in a process that has not begun. */
struct live {
	struct process process;
	_Atomic uint64_t began_ns; /* the first message */
	_Atomic uint64_t retry_ns;
	struct queue *_Atomic queue[CONFIG_TAPS_MAX]; /* what capture fills */
	struct queue *_Atomic mapped[CONFIG_TAPS_MAX];
	_Atomic enum state state[CONFIG_TAPS_MAX];
	struct metrics metrics;
};

static struct live *live;
static struct config *config;
static uint64_t exit_ns;
static pid_t eldest; /* in whom the library was loaded */

__attribute__((visibility("default"))) const char dnstapshim_version[] =
	DNSTAPSHIM_VERSION;

static const struct log_writer *const log_writers[] = {
	[LOG_TARGET_STDERR] = &log_stderr,
	[LOG_TARGET_SYSLOG] = &log_syslog,
	[LOG_TARGET_OFF] = NULL,
	[LOG_TARGET_FILE] = &log_file,
};

/* Two for each tap: its first connection, and what it lacks. */
_Static_assert(2 * CONFIG_TAPS_MAX <= LOG_KEYS_MAX, "every key is remembered");

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

/* True for the one thread that is to start the tap. */
static bool claim(size_t i, struct queue *queue)
{
	enum state state = IDLE;

	if (atomic_compare_exchange_strong(&live->state[i], &state, RUNNING))
		return true;
	if (state != ENDED ||
	    !atomic_compare_exchange_strong(&live->state[i], &state, RUNNING))
		return false;
	if (queue_reopen(queue))
		return true;
	atomic_store(&live->state[i], ENDED); /* it is not over yet */
	return false;
}

static int start_tap(size_t i)
{
	struct queue *queue = map_queue(i);

	if (!queue)
		return -ENOMEM;
	if (!claim(i, queue))
		return 0;
	/* Open before the thread runs: others need not wait for that. */
	atomic_store(&live->queue[i], queue);
	int error = tap_start(config, i, queue, &live->metrics);
	if (error) {
		atomic_store(&live->queue[i], NULL);
		atomic_store(&live->state[i], IDLE);
	}
	return error;
}

/* Says once what is short: now, if that is possible without waiting, otherwise by
 * the first thread that there is, or at the end. */
static void log_refused(size_t i, int error)
{
	const struct tap_config *tap = &config->taps[i];

	if (log_first(&tap->socket) &&
	    !log_try(tap->socket, STATS_REFUSED, strerrordesc_np(-error)))
		atomic_store(&live->metrics.refused[i], -error);
}

/* A thread of ours that were started now would be under all of the host's filters;
 * one call too many ends the process. */
static int start_allowed(size_t i)
{
	return sandbox_spares(sandbox_thread) && sandbox_spares(sandbox_running)
		       ? start_tap(i)
		       : -EPERM;
}

static void start(void)
{
	int saved = errno;
	uint64_t now = clock_steady(), never = 0;

	if (!process_is_vfork_child() && now >= atomic_load(&live->retry_ns)) {
		atomic_compare_exchange_strong(&live->began_ns, &never, now);
		for (size_t i = 0; i < config->n_taps; i++) {
			int error = start_allowed(i);

			if (!error)
				continue;
			atomic_store(&live->retry_ns, now + RETRY_NS);
			log_refused(i, error);
		}
	}
	errno = saved;
}

void life_reserve(void)
{
	static _Atomic bool reserved;
	int saved = errno;

	if (live && !process_is_vfork_child() &&
	    !atomic_exchange(&reserved, true)) {
		int error = tap_reserve(config);

		for (size_t i = 0; error && i < config->n_taps; i++)
			if (log_first(&config->taps[i].socket))
				log_line(config->taps[i].socket, STATS_REFUSED,
					 strerrordesc_np(-error));
	}
	errno = saved;
}

/* Each tap sends what is there, by `deadline`: at once where that of the family's
 * collector is known to be silent, if that is to be heeded. That it has counted
 * what is left depends on no collector, and is waited for longer. */
static void finish(uint64_t now, uint64_t deadline, bool heed)
{
	for (size_t i = 0; i < config->n_taps; i++)
		if (atomic_load(&live->state[i]) == RUNNING)
			queue_finish(live->mapped[i],
				     heed && family_is_silent(i, now)
					     ? now
					     : deadline);
	for (size_t i = 0; i < config->n_taps; i++)
		if (atomic_load(&live->state[i]) == RUNNING)
			queue_await_finished(live->mapped[i], now + exit_ns);
}

/* Taps that have lost messages, and had no thread to say so. */
static void settle_unstarted(void)
{
	bool unwritten = false;

	for (size_t i = 0; i < config->n_taps; i++) {
		struct queue *queue = atomic_load(&live->mapped[i]);
		bool no_queue = !queue || atomic_load(&live->state[i]) == ENDED;

		if ((no_queue && !atomic_load(&live->metrics.lost[i])) ||
		    !claim(i, queue))
			continue;
		stats_unstarted(&live->metrics, &config->taps[i], i,
				live->mapped[i]);
		atomic_store(&live->state[i], IDLE);
		unwritten = true;
	}
	if (unwritten)
		metrics_write(&live->metrics);
}

static void end(uint64_t budget_ns, bool heed)
{
	int saved = errno, cancel;
	uint64_t now = clock_steady();

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	finish(now, now + budget_ns, heed);
	settle_unstarted();
	pthread_setcancelstate(cancel, NULL);
	errno = saved;
}

static uint64_t shorter(uint64_t budget_ns)
{
	return budget_ns < exit_ns ? budget_ns : exit_ns;
}

bool life_has_begun(void)
{
	return live && atomic_load(&live->began_ns) &&
	       !process_is_vfork_child();
}

void life_end(void)
{
	if (!life_has_begun())
		return;
	uint64_t age = clock_steady() - atomic_load(&live->began_ns);
	if (getpid() == eldest)
		end(exit_ns, false);
	else
		end(shorter(CHILD_NS + age / CHILD_SHARE), true);
}

bool life_pause(void)
{
	if (!life_has_begun())
		return false;
	end(shorter(CHILD_NS), true);
	return true;
}

void life_resume(void)
{
	if (!live || process_is_vfork_child())
		return;
	for (size_t i = 0; i < config->n_taps; i++) {
		enum state state = RUNNING;

		if (atomic_compare_exchange_strong(&live->state[i], &state,
						   ENDED))
			atomic_store(&live->queue[i], NULL);
	}
}

bool life_confine(const struct sock_fprog *program, bool all)
{
	if (!live || process_is_vfork_child())
		return false;
	if (!sandbox_read(program, all)) {
		life_end();
		life_resume();
	} else if (sandbox_foresees(SYS_tgkill) != SANDBOX_ALLOWED) {
		for (size_t i = 0; i < config->n_taps; i++)
			if (atomic_load(&live->state[i]) == RUNNING)
				queue_wake_last(live->mapped[i]);
	}
	sandbox_enter();
	return true;
}

void life_confine_failed(void)
{
	sandbox_leave();
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
	log_open(&log_stderr, NULL);
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
	log_open(log_writers[config->log], config->log_path);
	if (!tap_prepare(config))
		return;
	clock_begin();
	secret_begin();
	exit_ns = exit_budget();
	if (!map_live()) {
		log_line(NULL, "not tapped: %s", strerror(errno));
		return;
	}
	eldest = getpid();
	metrics_begin(config);
	family_begin();
	worker_begin();
	at_quick_exit(life_end);
	syscall_observe();
	dl_begin();
	enqueue_begin(&(struct enqueue_setup){
		.queues = config->n_taps,
		.queue = live->queue,
		.lost = live->metrics.lost,
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
