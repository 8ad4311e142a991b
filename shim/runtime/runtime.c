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
 *   signal         the default action of one that ends the process is ours from the
 *                  first message on: likewise, before it is applied.
 */
#include "shim/hook/runtime.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config/config.h"
#include "shim/api/api.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/process.h"
#include "shim/base/root.h"
#include "shim/base/sandbox.h"
#include "shim/base/secret.h"
#include "shim/capture/capture.h"
#include "shim/capture/enqueue.h"
#include "shim/capture/expect.h"
#include "shim/runtime/command.h"
#include "shim/runtime/environment.h"
#include "shim/hook/dl.h"
#include "shim/hook/libc.h"
#include "shim/hook/real.h"
#include "shim/hook/signal.h"
#include "shim/hook/syscall.h"
#include "shim/runtime/live.h"
#include "shim/queue.h"
#include "shim/runtime/start.h"
#include "shim/tap/stats.h"
#include "shim/tap/family.h"
#include "shim/tap/worker.h"
#include "shim/tap/prepare.h"
#include "shim/tap/tap.h"

#define CHILD_NS    (300 * NS_PER_MS) /* the end of a child, and an exec */
#define CHILD_SHARE 10                /* and a tenth of its time */
#define BEGUN_NS    NS_PER_S          /* a thread has long begun by then, */
#define GONE_NS     (5 * NS_PER_S)    /* and ended, on the slowest machine */

struct live *live;
struct config *_Atomic live_config;
_Atomic uint64_t live_taps;
static struct socket_ports ports;
static uint64_t exit_ns;

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

/* Whoever inspects the process finds it by its name. */
__attribute__((visibility("default"))) char dnstapshim_state[TAP_ERROR_MAX];

static void set_state(const char *text)
{
	snprintf(dnstapshim_state, sizeof(dnstapshim_state), "%s", text);
}

static void refuse(const char *error)
{
	set_state(error);
	log_line(NULL, "not tapped: %s", error);
}

static void reserve(void)
{
	int error = tap_reserve(live_config);

	for (size_t i = 0; error && i < live_config->n_taps; i++)
		if (log_first(&live_config->taps[i].socket))
			log_line(live_config->taps[i].socket, STATS_REFUSED,
				 strerrordesc_np(-error));
}

/* So that silence until the first message is not taken for a failure. */
static void log_tapping(void)
{
	unsigned count = 0, first = 0;
	size_t taps = live_config->n_taps;

	for (unsigned port = 65535; port; port--)
		if (config_has_port(live_config->ports, port)) {
			first = port;
			count++;
		}
	if (count == 1)
		log_line(NULL, "tapping port %u for %zu tap%s", first, taps,
			 taps == 1 ? "" : "s");
	else
		log_line(NULL, "tapping port %u and %u others for %zu tap%s",
			 first, count - 1, taps, taps == 1 ? "" : "s");
}

void runtime_reserve(void)
{
	static _Atomic bool reserved;
	char error[TAP_ERROR_MAX] = "";
	int saved = errno;

	if (live && !process_is_vfork_child() && start_may() &&
	    !atomic_exchange(&reserved, true)) {
		if (tap_try(live_config, 0, error)) {
			log_tapping();
			reserve();
		} else {
			refuse(error);
			capture_end();
		}
	}
	errno = saved;
}

/* Each tap sends what is there, by `deadline`: at once where that of the family's
 * collector is known to be silent, if that is to be heeded. That it has counted
 * what is left depends on no collector, and is waited for longer. */
static void finish(uint64_t now, uint64_t deadline, bool heed)
{
	for (size_t i = 0; i < live_config->n_taps; i++)
		if (atomic_load(&live->state[i]) == RUNNING)
			queue_finish(live->mapped[i],
				     heed && family_is_silent(i, now)
					     ? now
					     : deadline);
	for (size_t i = 0; i < live_config->n_taps; i++)
		if (atomic_load(&live->state[i]) == RUNNING)
			queue_await_finished(live->mapped[i], now + exit_ns);
}

/* Taps that have lost messages, and had no thread to say so. */
static void settle_unstarted(void)
{
	bool unwritten = false;

	for (size_t i = 0; i < live_config->n_taps; i++) {
		struct queue *queue = atomic_load(&live->mapped[i]);
		bool no_queue =
			!queue || (!atomic_load(&live->queue[i]) &&
				   atomic_load(&live->state[i]) == ENDED);

		if ((!live_has(i) && !live_waits(i)) ||
		    (no_queue && !atomic_load(&live->metrics.lost[i])) ||
		    !start_claim(i, queue))
			continue;
		stats_unstarted(&live->metrics, &live_config->taps[i], i,
				live->mapped[i]);
		atomic_store(&live->state[i], IDLE);
		unwritten = true;
	}
	if (unwritten)
		metrics_write_last(&live->metrics, NULL);
}

static void end(uint64_t budget_ns, bool heed)
{
	int saved = errno, cancel;
	uint64_t now = clock_steady();

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	start_left();
	finish(now, now + budget_ns, heed);
	settle_unstarted();
	pthread_setcancelstate(cancel, NULL);
	errno = saved;
}

static uint64_t shorter(uint64_t budget_ns)
{
	return budget_ns < exit_ns ? budget_ns : exit_ns;
}

bool runtime_has_begun(void)
{
	return live && atomic_load(&live->began_ns) &&
	       !process_is_vfork_child();
}

uint64_t runtime_budget(void)
{
	uint64_t age = clock_steady() - atomic_load(&live->began_ns);

	return live->eldest ? exit_ns : shorter(CHILD_NS + age / CHILD_SHARE);
}

void runtime_end_within(uint64_t budget_ns)
{
	end(budget_ns, !live->eldest);
}

void runtime_end(void)
{
	if (!runtime_has_begun())
		return;
	stop_yield();
	runtime_end_within(runtime_budget());
}

bool runtime_pause(void)
{
	if (!runtime_has_begun())
		return false;
	stop_yield();
	end(shorter(CHILD_NS), true);
	return true;
}

void runtime_resume(void)
{
	if (!live || process_is_vfork_child())
		return;
	for (size_t i = 0; i < live_config->n_taps; i++) {
		enum state state = RUNNING;

		if (atomic_compare_exchange_strong(&live->state[i], &state,
						   ENDED))
			atomic_store(&live->queue[i], NULL);
	}
}

/* What threads of ours do before they take messages nobody foresees: they start
 * others. */
static void await_begun(uint64_t deadline_ns)
{
	for (size_t i = 0; i < live_config->n_taps; i++)
		if (atomic_load(&live->state[i]) == RUNNING)
			queue_await_attended(live->mapped[i], deadline_ns);
}

bool runtime_confine(const struct sock_fprog *program, bool all)
{
	if (!live || process_is_vfork_child())
		return false;
	if (all)
		await_begun(clock_steady() + BEGUN_NS);
	if (!sandbox_read(program, all)) {
		worker_hurry(true);
		runtime_end();
		runtime_resume();
		worker_await_gone(clock_steady() + GONE_NS);
		worker_hurry(false);
	} else if (sandbox_foresees(SYS_tgkill) != SANDBOX_ALLOWED) {
		for (size_t i = 0; i < live_config->n_taps; i++)
			if (atomic_load(&live->state[i]) == RUNNING)
				queue_wake_last(live->mapped[i]);
	}
	signal_confine(&live->stop);
	sandbox_enter();
	return true;
}

void runtime_confine_failed(void)
{
	sandbox_leave();
	if (runtime_has_begun())
		signal_take(&live->stop);
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

/* Named in LD_PRELOAD under two paths, each would log every message. */
static bool another_behind_us(void)
{
	bool found = dlsym(RTLD_NEXT, "dnstapshim_version") != NULL;

	dlerror(); /* the host's next call of it is not to tell of ours */
	return found;
}

/* True if there is something to tap. */
static bool load(void)
{
	char error[TAP_ERROR_MAX] = "";
	struct config *config = NULL;
	const char *wrong = environment_wanted() ? environment_load(&config)
						 : "DNSTAP_DISABLE is set";

	if (!wrong && another_behind_us())
		wrong = "the library is loaded twice, and another copy is at "
			"work";
	if (!wrong) {
		log_open(log_writers[config->log], config->log_path);
		if (!tap_prepare(config, error)) {
			log_line(NULL, "not tapped: %s", error);
			wrong = error;
		}
	}
	if (!wrong) {
		live_config = config;
		live_taps = ~UINT64_C(0) >> (64 - config->n_taps);
	}
	set_state(wrong ? wrong : ENVIRONMENT_READY);
	return !wrong;
}

static bool tell_tap(size_t place, struct dnstapshim_tap *tap)
{
	if (!live_has(place))
		return false;
	const struct tap_config *config = &live_config->taps[place];
	*tap = (struct dnstapshim_tap){
		.socket = config->socket,
		.id = place,
		.full = config->full,
	};
	return true;
}

static void begin(void)
{
	real_resolve();
	if (!load())
		return;
	clock_begin();
	root_begin();
	secret_begin();
	exit_ns = environment_exit_ns();
	if (!map_live()) {
		refuse(strerror(errno));
		return;
	}
	live->eldest = true;
	metrics_begin(live_config);
	family_begin();
	command_begin();
	worker_begin();
	stop_begin(&live->stop);
	at_quick_exit(runtime_end);
	syscall_observe();
	libc_begin();
	dl_begin();
	enqueue_begin(&(struct enqueue_setup){
		.queues = CONFIG_TAPS_MAX,
		.queue = live->queue,
		.lost = live->metrics.lost,
		.start = start_taps,
		.taps = &live_taps,
	});
	api_begin(&(struct api_setup){ .tap = tell_tap });
	ports = (struct socket_ports){ live_config->ports,
				       live_config->tls_ports,
				       live_config->https };
	expect_proxies(&live_config->proxies);
	capture_begin(&ports);
}

void runtime_begin(void)
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
	runtime_begin();
}

__attribute__((destructor)) static void destruct(void)
{
	runtime_end();
}
