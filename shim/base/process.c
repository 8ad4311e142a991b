/* SPDX-License-Identifier: Apache-2.0
 *
 * By the id of the process that the memory belongs to. It is known before a vfork child
 * can be made (process_before_vfork), and none but that process writes it down, so
 * that whoever has another id is a vfork child: in a forked child it is zero.
 *
 * A child in a new namespace of ids may have the very number of its parent. Its
 * parent is out of sight, and the kernel has taken the list of robust mutexes
 * from it, which libc gives to each of its threads.
 */
#include "shim/base/process.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/thread.h"

static struct process *page;
static bool page_wiped;

static bool has_list(void)
{
	void *head = NULL;
	size_t size;

	return syscall(SYS_get_robust_list, 0, &head, &size) || head;
}

static void adopt(pid_t self)
{
	bool parentless = !getppid();

	atomic_store(&page->parentless, parentless);
	atomic_store(&page->listed, parentless && has_list());
	atomic_store(&page->owner, self);
}

void process_begin(struct process *memory, bool wiped)
{
	page = memory;
	page_wiped = wiped;
	adopt(getpid());
}

void process_before_vfork(void)
{
	if (page && !atomic_load(&page->owner))
		adopt(getpid());
}

/* With the owner's number: only who was marked before it was made can be another
 * process. */
static bool is_namesake(void)
{
	if (thread_state.untraced != THREAD_VFORK_CHILD || getppid())
		return false;
	return !atomic_load(&page->parentless) ||
	       (atomic_load(&page->listed) && !has_list());
}

bool process_is_vfork_child(void)
{
	pid_t self = getpid();
	pid_t known = page ? atomic_load(&page->owner) : self;

	if (known == self)
		return page && is_namesake();
	if (known && (page_wiped || getppid() == known))
		return true;
	adopt(self);
	return false;
}
