/* SPDX-License-Identifier: Apache-2.0
 *
 * A DNS server that leaves signals to their default actions, and all the ways in
 * which they end it: each is played in a child, and how that has ended is printed.
 */
#include <poll.h>
#include <spawn.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <time.h>

#include "seccomp.h"
#include "signals.h"

static const char *program;

/* Ends. Each is played in a child. */

static void end_raise(void)
{
	raise(SIGTERM);
	LIVES;
}

static void end_kill(void)
{
	kill(getpid(), SIGINT);
	LIVES;
}

static void end_group(void)
{
	setpgid(0, 0);
	kill(0, SIGHUP);
	LIVES;
}

static void end_tgkill(void)
{
	syscall(SYS_tgkill, getpid(), gettid(), SIGTERM);
	LIVES;
}

static void end_replaced(void)
{
	signal(SIGTERM, on_signal);
	raise(SIGTERM);
	raise(SIGTERM);
	LIVES;
}

static void end_restored(void)
{
	signal(SIGTERM, on_signal);
	raise(SIGTERM);
	signal(SIGTERM, SIG_DFL);
	raise(SIGTERM);
	LIVES;
}

static void end_reset(void)
{
	__sysv_signal(SIGTERM, on_signal); /* once */
	raise(SIGTERM);
	raise(SIGTERM);
	LIVES;
}

static void end_ignored(void)
{
	signal(SIGINT, SIG_IGN);
	raise(SIGINT);
	LIVES;
}

static sigset_t only(int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	return set;
}

static void block(int number)
{
	sigset_t set = only(number);

	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void end_blocked(void)
{
	sigset_t set;

	block(SIGTERM);
	raise(SIGTERM);
	sigpending(&set);
	_exit(bits(&set) == 1ul << SIGTERM ? 20 : 21);
}

static void end_waited(void)
{
	sigset_t set = only(SIGTERM);
	struct timespec soon = { 0, 1000000 };
	int number = 0;

	block(SIGTERM);
	raise(SIGTERM);
	sigwait(&set, &number);
	if (number == SIGTERM && sigtimedwait(&set, NULL, &soon) < 0)
		_exit(errno);
}

static void end_unblocked_wait(void)
{
	sigset_t set = only(SIGTERM);
	struct timespec soon = { 0, 1000000 };

	sigtimedwait(&set, NULL, &soon);
	raise(SIGTERM);
	LIVES;
}

static void end_signalfd(void)
{
	struct signalfd_siginfo info;
	sigset_t set = only(SIGINT);

	block(SIGINT);
	int fd = signalfd(-1, &set, 0);
	raise(SIGINT);
	_exit(read(fd, &info, sizeof(info)) == sizeof(info) ? info.ssi_signo
							    : 99);
}

static void end_unblocked(void)
{
	sigset_t set = only(SIGTERM);

	block(SIGTERM);
	raise(SIGTERM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	LIVES;
}

static void end_sigsuspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	block(SIGTERM);
	raise(SIGTERM);
	sigsuspend(&none);
	LIVES;
}

static void end_ppoll(void)
{
	sigset_t none;

	sigemptyset(&none);
	block(SIGTERM);
	raise(SIGTERM);
	ppoll(NULL, 0, NULL, &none);
	LIVES;
}

static void end_pselect(void)
{
	sigset_t none;

	sigemptyset(&none);
	block(SIGHUP);
	raise(SIGHUP);
	pselect(0, NULL, NULL, NULL, NULL, &none);
	LIVES;
}

/* It must not come to what is behind it. */
static void raise_in_turn(int number)
{
	(void)number;
	raise(SIGTERM);
	kill(getpid(), SIGKILL);
}

static void end_from_handler(void)
{
	signal(SIGUSR1, raise_in_turn);
	raise(SIGUSR1);
	LIVES;
}

/* As the manual of libc has it. */
static void restore_and_raise(int number)
{
	signal(number, SIG_DFL);
	raise(number);
}

static void end_reraised(void)
{
	signal(SIGTERM, restore_and_raise);
	raise(SIGTERM);
	LIVES;
}

static void end_in_handler_of_call(void)
{
	unsigned char octets[100];

	host_interrupt(raise_in_turn, 1000000);
	recv(server, octets, sizeof(octets), 0);
	LIVES;
}

static void alternate(size_t size, int flags)
{
	struct sigaction action = { .sa_handler = SIG_DFL, .sa_flags = flags };
	stack_t stack = { .ss_sp = malloc(size), .ss_size = size };

	MUST(!sigaltstack(&stack, NULL));
	sigaction(SIGTERM, &action, NULL);
	raise(SIGTERM);
	LIVES;
}

static void end_small_stack(void)
{
	alternate(sysconf(_SC_MINSIGSTKSZ), SA_ONSTACK);
}

static void end_with_flags(void)
{
	alternate(65536, SA_RESTART | SA_NODEFER | SA_SIGINFO);
}

static void end_system(void)
{
	char command[99];

	sprintf(command, "kill -INT %d", getpid());
	MUST(!system(command)); /* ignores it meanwhile */
	raise(SIGINT);
	LIVES;
}

static void end_system_child(void)
{
	int status = system("kill -INT $$");

	_exit(WIFSIGNALED(status) ? WTERMSIG(status) : 50 + status);
}

/* In which nothing was captured. */
static void end_fork(void)
{
	pid_t child = fork();

	if (!child) {
		raise(SIGTERM);
		LIVES;
	}
	_exit(WTERMSIG(status_of(child)));
}

/* In which something was. */
static void end_fork_used(void)
{
	pid_t child = fork();

	if (!child) {
		begin();
		raise(SIGTERM);
		LIVES;
	}
	_exit(WTERMSIG(status_of(child)));
}

static void end_vfork(void)
{
	pid_t child = vfork();

	if (!child) {
		kill(getpid(), SIGTERM);
		LIVES;
	}
	int status = status_of(child);
	begin();
	_exit(WIFSIGNALED(status) ? WTERMSIG(status) : 99);
}

/* What its child sets and sees is the child's. */
static void end_vfork_sets(void)
{
	volatile bool right = false;
	pid_t child = vfork();

	if (!child) {
		right = signal(SIGTERM, SIG_IGN) == SIG_DFL &&
			signal(SIGTERM, SIG_DFL) == SIG_IGN &&
			signal(SIGINT, on_signal) == SIG_DFL &&
			signal(SIGTERM, SIG_IGN) == SIG_DFL;
		raise(SIGTERM);
		LIVES;
	}
	MUST(WEXITSTATUS(status_of(child)) == 7 && right);
	MUST(signal(SIGINT, SIG_DFL) == SIG_DFL);
	raise(SIGTERM);
	LIVES;
}

/* What the process that it becomes finds: play_inherited(). */
static void end_exec(void)
{
	signal(SIGHUP, SIG_IGN);
	execl(program, program, "inherited", NULL);
	LIVES;
}

static int spawned(const posix_spawnattr_t *attributes)
{
	char *const argv[] = { (char *)program, "inherited", NULL };
	pid_t child;

	MUST(!posix_spawn(&child, program, NULL, attributes, argv, environ));
	int status = status_of(child);
	return WIFSIGNALED(status) ? 100 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

static void end_spawn(void)
{
	_exit(spawned(NULL));
}

static void end_spawn_defaults(void)
{
	posix_spawnattr_t attributes;
	sigset_t set = only(SIGHUP);

	signal(SIGHUP, SIG_IGN);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigdefault(&attributes, &set);
	_exit(spawned(&attributes));
}

/* How many of the signals are handled, and how many ignored, before and after its
 * first message. */
static void play_inherited(void)
{
	int handled = 0;

	for (int turn = 0; turn < 2; turn++) {
		for (int number = 1; number < 32; number++) {
			struct sigaction action;

			if (sigaction(number, NULL, &action))
				continue;
			handled += 10 * (action.sa_handler == SIG_IGN);
			handled += action.sa_handler != SIG_IGN &&
				   action.sa_handler != SIG_DFL;
		}
		begin();
	}
	raise(SIGHUP);
	_exit(handled);
}

/* Threads */

static void end_threads(void)
{
	with_threads(4);
	kill(getpid(), SIGTERM);
	pause();
	LIVES;
}

static void end_in_thread(void)
{
	block(SIGTERM);
	with_threads(1);
	sigset_t set = only(SIGTERM);
	pthread_t thread;
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	MUST(!pthread_create(&thread, NULL, wait_for_messages, NULL));
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_kill(thread, SIGTERM);
	pause();
	LIVES;
}

static void end_all_block(void)
{
	block(SIGTERM);
	with_threads(2);
	kill(getpid(), SIGTERM);
	LIVES;
}

static void *kill_and_wait(void *unused)
{
	kill(getpid(), SIGTERM);
	pause();
	return unused;
}

static void end_main_gone(void)
{
	pthread_t thread;

	MUST(!pthread_create(&thread, NULL, kill_and_wait, NULL));
	pthread_exit(NULL);
}

static void *kill_often(void *unused)
{
	for (int i = 0; i < 50; i++)
		kill(getpid(), SIGTERM);
	pause();
	return unused;
}

static void end_often(void)
{
	pthread_t thread;

	MUST(!pthread_create(&thread, NULL, kill_often, NULL));
	pause();
	LIVES;
}

static void *exit_meanwhile(void *unused)
{
	pause();
	return unused;
}

static void end_cancelled(void)
{
	pthread_t thread;

	MUST(!pthread_create(&thread, NULL, exit_meanwhile, NULL));
	pthread_cancel(thread);
	MUST(!pthread_join(thread, NULL));
	raise(SIGTERM);
	LIVES;
}

/* Filters */

static void end_no_sigaction(void)
{
	seccomp_filter((int[]){ SYS_rt_sigaction, -1 }, -1, KILL);
	kill(getpid(), SIGTERM);
	LIVES;
}

static void end_no_tgkill(void)
{
	seccomp_filter((int[]){ SYS_tgkill, -1 }, -1, REFUSE(EPERM));
	kill(getpid(), SIGTERM);
	LIVES;
}

static void end_no_timer(void)
{
	seccomp_filter((int[]){ SYS_timer_create, -1 }, -1, KILL);
	kill(getpid(), SIGTERM);
	LIVES;
}

static void end_no_pid(void)
{
	seccomp_filter((int[]){ SYS_getpid, -1 }, -1, KILL);
	pid_t child = fork();
	if (!child)
		_exit(21);
	_exit(WEXITSTATUS(status_of(child)));
}

static void end_no_pid_before(void)
{
	pid_t child = fork();

	if (!child) {
		seccomp_filter((int[]){ SYS_getpid, -1 }, -1, KILL);
		begin();
		_exit(22);
	}
	_exit(WEXITSTATUS(status_of(child)));
}

/* A child that confines itself before it has had a message. */
static void end_confined_child(void)
{
	int told[2];
	char octet;

	MUST(!pipe(told));
	pid_t child = fork();
	if (!child) {
		seccomp_filter((int[]){ SYS_rt_sigaction, SYS_tgkill, -1 }, -1,
			       KILL);
		MUST(write(told[1], "", 1) == 1);
		pause();
		LIVES;
	}
	MUST(read(told[0], &octet, 1) == 1);
	kill(child, SIGTERM);
	_exit(WTERMSIG(status_of(child)));
}

struct end {
	const char *name;
	void (*play)(void);
};

#define END(name)                 \
	{                         \
#name, end_##name \
	}
static const struct end ends[] = {
	END(raise),
	END(kill),
	END(group),
	END(tgkill),
	END(replaced),
	END(restored),
	END(reset),
	END(ignored),
	END(blocked),
	END(waited),
	END(unblocked_wait),
	END(signalfd),
	END(unblocked),
	END(sigsuspend),
	END(ppoll),
	END(pselect),
	END(from_handler),
	END(reraised),
	END(in_handler_of_call),
	END(small_stack),
	END(with_flags),
	END(system),
	END(system_child),
	END(fork),
	END(fork_used),
	END(vfork),
	END(vfork_sets),
	END(exec),
	END(spawn),
	END(spawn_defaults),
	END(threads),
	END(in_thread),
	END(all_block),
	END(main_gone),
	END(often),
	END(cancelled),
	END(no_sigaction),
	END(no_tgkill),
	END(no_timer),
	END(no_pid),
	END(no_pid_before),
	END(confined_child),
};

static void all_ends(void)
{
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (!lacks(ends[i].name))
			print_status(ends[i].name,
				     status_of(start(ends[i].play)));
}

int main(int argc, char **argv)
{
	program = argv[0];
	if (argc > 1) {
		server = 3;
		client = 4;
		play_inherited();
	}
	open_sockets();
	begin();
	all_ends();
	fflush(stdout);
	return 0;
}
