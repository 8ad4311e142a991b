/* SPDX-License-Identifier: Apache-2.0
 *
 * What filters say, and what is made of it.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/base/sandbox.h"
#include "shim/base/thread.h"

#define LOAD(what) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, what))
#define JUMP(condition, k, yes, no) \
	BPF_JUMP(BPF_JMP | condition | BPF_K, k, yes, no)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)

static void enter(struct sock_filter *code, size_t size, bool all)
{
	struct sock_fprog program = { size / sizeof(*code), code };

	sandbox_read(&program, all);
	sandbox_enter();
}

static enum sandbox_verdict ask(int number, uint64_t argument)
{
	return sandbox_asks(&(struct sandbox_call){ number, { argument } });
}

static struct sock_filter no_unix[] = {
	LOAD(nr),
	JUMP(BPF_JEQ, SYS_socket, 0, 3),
	LOAD(args[0]),
	JUMP(BPF_JEQ, AF_UNIX, 0, 1),
	RETURN(SECCOMP_RET_ERRNO | EAFNOSUPPORT),
	RETURN(SECCOMP_RET_ALLOW),
};

static struct sock_filter no_tgkill[] = {
	LOAD(nr),
	JUMP(BPF_JEQ, SYS_tgkill, 0, 1),
	RETURN(SECCOMP_RET_TRAP),
	RETURN(SECCOMP_RET_ALLOW),
};

Test(sandbox, allows_everything_without_a_filter)
{
	cr_assert(sandbox_allows(SYS_tgkill));
	cr_assert(sandbox_spares(sandbox_running));
}

Test(sandbox, takes_the_severest_verdict)
{
	enter(no_unix, sizeof(no_unix), false);
	cr_assert_eq(ask(SYS_socket, AF_UNIX), SANDBOX_REFUSED);
	cr_assert_eq(ask(SYS_socket, AF_INET), SANDBOX_ALLOWED);
	enter(no_tgkill, sizeof(no_tgkill), false);
	cr_assert_eq(ask(SYS_tgkill, 0), SANDBOX_PUNISHED);
	cr_assert_eq(ask(SYS_socket, AF_UNIX), SANDBOX_REFUSED);
	cr_assert(sandbox_spares(sandbox_running));
	sandbox_leave();
	cr_assert_eq(ask(SYS_tgkill, 0), SANDBOX_ALLOWED);
}

Test(sandbox, knows_which_are_for_a_thread_of_ours)
{
	enter(no_unix, sizeof(no_unix), false);
	thread_state.untraced = THREAD_OURS;
	cr_assert_eq(ask(SYS_socket, AF_UNIX), SANDBOX_ALLOWED);
	sandbox_inherit(sandbox_filters);
	cr_assert_eq(ask(SYS_socket, AF_UNIX), SANDBOX_REFUSED);
	enter(no_tgkill, sizeof(no_tgkill), false);
	cr_assert_eq(ask(SYS_tgkill, 0), SANDBOX_ALLOWED);
	enter(no_tgkill, sizeof(no_tgkill), true);
	cr_assert_eq(ask(SYS_tgkill, 0), SANDBOX_PUNISHED);
}

static bool reads(struct sock_filter *code, size_t size, bool all)
{
	struct sock_fprog program = { size / sizeof(*code), code };

	return sandbox_read(&program, all);
}

Test(sandbox, knows_beside_which_filters_a_thread_of_ours_can_live)
{
	struct sock_filter no_futex[] = {
		LOAD(nr),
		JUMP(BPF_JEQ, SYS_futex, 0, 1),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		RETURN(SECCOMP_RET_ALLOW),
	};

	cr_assert(reads(no_unix, sizeof(no_unix), false));
	cr_assert(reads(no_unix, sizeof(no_unix), true)); /* an error only */
	cr_assert(reads(no_tgkill, sizeof(no_tgkill), false));
	cr_assert_not(reads(no_tgkill, sizeof(no_tgkill), true));
	cr_assert_not(reads(no_futex, sizeof(no_futex), false));
}

/* The host may have set up another one by the time that it runs. */
Test(sandbox, knows_what_a_thread_was_started_under)
{
	enter(no_unix, sizeof(no_unix), false);
	unsigned filters = sandbox_bequest();
	enter(no_tgkill, sizeof(no_tgkill), false);
	thread_state.untraced = THREAD_OURS;
	sandbox_inherit(filters);
	cr_assert_eq(ask(SYS_socket, AF_UNIX), SANDBOX_REFUSED);
	cr_assert_eq(ask(SYS_tgkill, 0), SANDBOX_ALLOWED);
	cr_assert_eq(sandbox_bequest(), filters);
}

Test(sandbox, reads_nothing_that_it_cannot)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sock_fprog bad = { 100, (void *)(page + 4096 - 80) };

	munmap(page + 4096, 4096);
	cr_assert_not(sandbox_read(&bad, true));
	cr_assert_not(sandbox_read((void *)8, true));
	cr_assert_not(sandbox_read((void *)(page + 4090), true));
	sandbox_enter();
	cr_assert_eq(ask(SYS_getppid, 0), SANDBOX_PUNISHED);
}

#define STEPS 24
#define TURNS 400

/* A program that the kernel takes, of anything that it may be made of. */
static void compose(struct sock_filter *code)
{
	static const unsigned short operations[] = {
		BPF_ADD, BPF_SUB, BPF_MUL, BPF_OR,  BPF_AND,
		BPF_XOR, BPF_LSH, BPF_RSH, BPF_DIV,
	};
	static const unsigned short conditions[] = { BPF_JEQ, BPF_JGT, BPF_JGE,
						     BPF_JSET };
	static const unsigned fields[] = {
		offsetof(struct seccomp_data, nr),
		offsetof(struct seccomp_data, arch),
		offsetof(struct seccomp_data, args[0]),
		offsetof(struct seccomp_data, args[1]) + 4,
	};
	int at = 0;

	for (; at < 4; at++)
		code[at] = (struct sock_filter)BPF_STMT(BPF_ST, at);
	for (; at < STEPS - 3; at++) {
		unsigned short source = random() % 2 ? BPF_X : BPF_K;
		unsigned k = 1 + random() % 31, room = STEPS - 3 - at;

		switch (random() % 7) {
		case 0:
			code[at] = (struct sock_filter)BPF_STMT(
				BPF_LD | BPF_W | BPF_ABS, fields[random() % 4]);
			break;
		case 1:
			code[at] = (struct sock_filter)BPF_STMT(
				BPF_ALU | operations[random() % 9] | source, k);
			break;
		case 2:
			code[at] = (struct sock_filter)BPF_JUMP(
				BPF_JMP | conditions[random() % 4] | source, k,
				random() % room, random() % room);
			break;
		case 3:
			code[at] = (struct sock_filter)BPF_STMT(
				BPF_MISC | (random() % 2 ? BPF_TAX : BPF_TXA),
				0);
			break;
		case 4:
			code[at] = (struct sock_filter)BPF_STMT(
				(random() % 2 ? BPF_ST : BPF_STX), k % 4);
			break;
		case 5:
			code[at] = (struct sock_filter)BPF_STMT(
				(random() % 2 ? BPF_LD : BPF_LDX) |
					(random() % 2 ? BPF_MEM : BPF_IMM),
				k % 4);
			break;
		default:
			code[at] = (struct sock_filter)BPF_STMT(
				BPF_LD | BPF_W | BPF_LEN, 0);
		}
	}
	/* Only for a call that nobody makes by chance. */
	code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
						  1u << random() % 8, 0, 1);
	code[at++] = (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | 200);
	code[at++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
}

/* In a child, as the filter stays for good: its end tells. It stands behind a check of the call's number, so that it judges nothing else. */
static int seen[3]; /* by verdict */

static void compare(const struct sock_filter *made)
{
	struct sock_filter code[STEPS + 3] = {
		LOAD(nr),
		JUMP(BPF_JEQ, SYS_getpriority, 1, 0),
		RETURN(SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { STEPS + 3, code };
	int status;

	for (int i = 0; i < STEPS; i++)
		code[3 + i] = made[i];
	if (!fork()) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
			_exit(1);
		bool refused =
			syscall(SYS_getpriority, 0, 0) < 0 && errno == 200;
		_exit(refused ? 3 : 0);
	}
	cr_assert_gt(wait(&status), 0);
	sandbox_read(&program, false);
	switch (sandbox_foresees(SYS_getpriority)) {
	case SANDBOX_ALLOWED:
		cr_assert_eq(status, 0);
		break;
	case SANDBOX_REFUSED:
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
		break;
	case SANDBOX_PUNISHED: /* it divides by zero */
		cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	}
	seen[sandbox_foresees(SYS_getpriority)]++;
}

Test(sandbox, filters_for_which_there_is_no_place)
{
	/* The last place, and a few beyond. */
	for (int i = 0; i < 15; i++)
		enter(no_unix, sizeof(no_unix), false);
	cr_assert(sandbox_allows(SYS_tgkill));
	enter(no_tgkill, sizeof(no_tgkill), true);
	for (int i = 0; i < 3; i++)
		enter(no_unix, sizeof(no_unix), false);
	thread_state.untraced = THREAD_OURS;
	cr_assert_eq(ask(SYS_getpid, 0), SANDBOX_PUNISHED,
		     "that one was for all threads");
	thread_state.untraced = THREAD_TRACED;
	for (int i = 0; i < 3; i++) {
		sandbox_leave();
		cr_assert_eq(ask(SYS_getpid, 0), SANDBOX_PUNISHED,
			     "one that failed takes none away");
	}
	sandbox_leave();
	cr_assert(sandbox_allows(SYS_getpid));
}

Test(sandbox, judges_as_the_kernel_does)
{
	struct sock_filter code[STEPS];

	srandom(1);
	for (int turn = 0; turn < TURNS; turn++) {
		compose(code);
		compare(code);
	}
	cr_assert(seen[SANDBOX_ALLOWED] > 9 && seen[SANDBOX_REFUSED] > 9);
}
