/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose memory it is, also where a filter is against asking. The filters are known
 * of, and not in force, so that a call would be answered.
 */
#include <criterion/criterion.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/base/process.h"
#include "shim/base/sandbox.h"
#include "shim/base/thread.h"

static struct process memory;

static void forbid(int number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, code };

	sandbox_read(&program, false);
	sandbox_enter();
}

static int tell(void *guest)
{
	*(bool *)guest = process_is_vfork_child();
	return 0;
}

/* What a child in this memory takes itself for. */
static bool child_is_guest(void)
{
	static char stack[1 << 16] __attribute__((aligned(16)));
	bool guest = false;
	int status;

	pid_t child = clone(tell, stack + sizeof(stack),
			    CLONE_VM | CLONE_VFORK | SIGCHLD, &guest);
	cr_assert_gt(child, 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	return guest;
}

static void check(void)
{
	process_before_vfork();
	thread_state.untraced = THREAD_VFORK_CHILD;
	cr_assert(child_is_guest());
	cr_assert_not(process_is_vfork_child());
	cr_assert_not(thread_is_untraced());
	cr_assert_not(process_is_vfork_child());
	cr_assert_eq(process_id(), getpid());
}

Test(process, knows_guests)
{
	cr_assert_not(process_is_vfork_child());
	process_begin(&memory, true);
	check();
}

Test(process, knows_them_where_it_may_not_ask_for_its_number)
{
	process_begin(&memory, true);
	forbid(SYS_getpid);
	check();
}

Test(process, knows_them_where_it_may_not_ask_for_its_parent)
{
	process_begin(&memory, true);
	forbid(SYS_getppid);
	check();
}

Test(process, knows_them_where_it_may_not_ask_for_its_list)
{
	process_begin(&memory, true);
	forbid(SYS_get_robust_list);
	check();
}

Test(process, takes_whom_it_has_marked_for_a_guest_where_it_may_ask_nothing)
{
	process_begin(&memory, true);
	forbid(SYS_getpid);
	forbid(SYS_get_robust_list);
	cr_assert_not(process_is_vfork_child());
	process_before_vfork();
	thread_state.untraced = THREAD_VFORK_CHILD;
	cr_assert(child_is_guest());
	cr_assert(process_is_vfork_child());
}

/* As in a forked child. */
Test(process, needs_no_number)
{
	process_begin(&memory, true);
	forbid(SYS_getpid);
	memory.owner = 0;
	cr_assert_not(process_is_vfork_child());
	cr_assert_eq(process_id(), 0);
	process_before_vfork();
	thread_state.untraced = THREAD_VFORK_CHILD;
	cr_assert(child_is_guest());
	cr_assert_not(process_is_vfork_child());
}
