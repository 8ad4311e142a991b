/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets and asks for what signals do in every way, before and after the process is
 * tapped, and prints all that comes back.
 */
#include "signals.h"

extern typeof(sigaction) __sigaction;
extern typeof(signal) bsd_signal, ssignal, sysv_signal;

/* What a signal does, as the host is told */

static const char *called(void *handler)
{
	return handler == (void *)SIG_DFL    ? "default"
	       : handler == (void *)SIG_IGN  ? "ignore"
	       : handler == (void *)SIG_HOLD ? "hold"
	       : handler == (void *)SIG_ERR  ? "error"
	       : handler == on_signal        ? "handler"
					     : "something else";
}

/* What a handler returns to. On aarch64 that is the kernel's, and what libc says of it
 * is what lay on its stack. */
static const char *restored(const void *restorer)
{
#ifdef __aarch64__
	return "";
#endif
	return restorer ? ", a restorer" : "";
}

static void print_action(const char *what, int result,
			 const struct sigaction *action)
{
	int error = errno;

	printf("  %s: %d", what, result);
	if (result)
		printf(" %s", strerrorname_np(error));
	else
		printf(" %s, flags %x, mask %lx%s", called(action->sa_handler),
		       action->sa_flags, bits(&action->sa_mask),
		       restored(action->sa_restorer));
	putchar('\n');
}

struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	unsigned long mask;
};

/* Those above 32 bits the kernel clears; an emulator may leave them. */
static unsigned long flags_of(const struct kernel_action *action)
{
	return lacks("high_flags") ? (unsigned)action->flags : action->flags;
}

static void look(int number)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct kernel_action told = { 0 };

	int result = sigaction(number, NULL, &action);
	print_action("sigaction", result, &action);
	action = (struct sigaction){ .sa_handler = on_signal };
	result = __sigaction(number, NULL, &action);
	print_action("__sigaction", result, &action);
	result = syscall(SYS_rt_sigaction, number, NULL, &told, 8);
	printf("  rt_sigaction: %d %s, flags %lx, mask %lx%s\n", result,
	       called(told.handler), flags_of(&told), told.mask,
	       restored(told.restorer));
}

static void say(const char *what, int number)
{
	printf("%s of %s\n", what, strsignal(number));
}

static void views_by_sigaction(int number)
{
	const int flags[] = {
		0,
		SA_RESTART,
		SA_SIGINFO,
		SA_RESETHAND,
		SA_NODEFER | SA_ONSTACK,
		SA_RESTART | SA_SIGINFO | SA_RESETHAND | SA_NOCLDSTOP,
		0x7fffffff,
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		struct sigaction action = { .sa_handler = SIG_DFL,
					    .sa_flags = flags[i] };

		say("sigaction", number);
		sigaddset(&action.sa_mask, SIGUSR2);
		sigaddset(&action.sa_mask, SIGKILL);
		if (i % 2)
			sigfillset(&action.sa_mask);
		int result = sigaction(number, &action, &action);
		print_action("before", result, &action);
		look(number);
		action.sa_handler = i % 2 ? SIG_IGN : on_signal;
		result = sigaction(number, &action, &action);
		print_action("replaced", result, &action);
		look(number);
	}
}

static void views_by_signal(int number)
{
	sighandler_t (*const by[])(int, sighandler_t) = {
		signal, bsd_signal, ssignal, __sysv_signal, sysv_signal, sigset,
	};
	const sighandler_t to[] = { SIG_DFL, on_signal, SIG_DFL, SIG_IGN,
				    SIG_DFL, SIG_DFL,   SIG_ERR };

	for (size_t i = 0; i < sizeof(by) / sizeof(*by); i++)
		for (size_t k = 0; k < sizeof(to) / sizeof(*to); k++) {
			say("signal", number);
			errno = 0;
			printf("  %s: %d\n", called(by[i](number, to[k])),
			       errno);
			look(number);
		}
}

static void views_by_sigset(int number)
{
	const sighandler_t to[] = { SIG_DFL,  SIG_HOLD, SIG_HOLD, SIG_DFL,
				    SIG_HOLD, SIG_IGN,  SIG_DFL };
	sigset_t blocked;

	for (size_t k = 0; k < sizeof(to) / sizeof(*to); k++) {
		say("sigset", number);
		printf("  %s\n", called(sigset(number, to[k])));
		sigprocmask(SIG_SETMASK, NULL, &blocked);
		printf("  blocked: %lx\n", bits(&blocked));
		look(number);
	}
	printf("sigignore: %d\n", sigignore(number));
	look(number);
	signal(number, SIG_DFL);
}

static void views_by_siginterrupt(int number)
{
	for (int i = 0; i < 8; i++) {
		say("siginterrupt", number);
		printf("  %d\n", siginterrupt(number, i & 1));
		look(number);
		printf("  %s\n",
		       called(signal(number, i & 2 ? SIG_DFL : on_signal)));
		look(number);
	}
	siginterrupt(number, 0);
	signal(number, SIG_DFL);
}

static void views_by_number(int number)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	struct kernel_action set = { 0 }, before;

	for (unsigned flags = 0; flags < 4; flags++) {
		say("rt_sigaction", number);
		set.handler = flags & 1 ? SIG_IGN : SIG_DFL;
		set.flags = flags & 2 ? SA_RESTART | SA_NODEFER : SA_SIGINFO;
		set.mask = 1 << 11;
		printf("  %ld",
		       syscall(SYS_rt_sigaction, number, &set, &before, 8));
		printf(" %s, flags %lx, mask %lx\n", called(before.handler),
		       flags_of(&before), before.mask);
		look(number);
	}
	errno = 0;
	printf("  %ld", syscall(SYS_rt_sigaction, number, &set, NULL, 4));
	printf(" %d\n", errno);
	printf("  %ld", syscall(SYS_rt_sigaction, number, (void *)8, NULL, 8));
	printf(" %d\n", errno);
	set.handler = SIG_DFL;
	printf("  %ld", syscall(SYS_rt_sigaction, number, &set, (void *)8, 8));
	printf(" %d\n", errno);
	look(number);
	sigaction(number, &plain, NULL);
}

/* Of a number that there is not nobody reads what it should do. */
static void unread(void)
{
	const int numbers[] = { -1, 0, 32, 65, 1000 };

	for (size_t i = 0; i < 5; i++) {
		errno = 0;
		printf("unread: %d", sigaction(numbers[i], (void *)8, NULL));
		printf(" %d\n", errno);
	}
}

/* At the end of what there is. */
static void edges(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(page != MAP_FAILED && !mprotect(page + 4096, 4096, PROT_NONE));
	for (int room = 0; room <= 40; room += 4) {
		errno = 0;
		printf("edge: %ld", syscall(SYS_rt_sigaction, SIGTERM,
					    page + 4096 - room, NULL, 8));
		printf(" %ld", syscall(SYS_rt_sigaction, SIGTERM, NULL,
				       page + 4096 - room, 8));
		printf(" %d\n", errno);
	}
}

static void views(void)
{
	const int numbers[] = { SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGQUIT };

	for (size_t i = 0; i < 5; i++) {
		say("untouched", numbers[i]);
		look(numbers[i]);
		views_by_sigaction(numbers[i]);
		views_by_signal(numbers[i]);
		views_by_sigset(numbers[i]);
		views_by_siginterrupt(numbers[i]);
		views_by_number(numbers[i]);
	}
	for (int number = -1; number <= 0; number++)
		look(number);
	look(SIGKILL);
	look(65);
	unread();
	edges();
	printf("%s %s\n", called(signal(SIGKILL, SIG_DFL)),
	       called(signal(0, SIG_DFL)));
}

int main(void)
{
	open_sockets();
	look(SIGTERM);
	begin();
	views();
	fflush(stdout);
	return 0;
}
