/* SPDX-License-Identifier: Apache-2.0
 *
 * By the id of the process that the memory belongs to. It is known before a vfork
 * child can be made (process_before_vfork), and none but that process writes it down, so
 * that whoever has another id is a vfork child: in a forked child it is zero.
 *
 * A child in a new namespace of ids may have the very number of its parent. Its
 * parent is out of sight, and the kernel has taken the list of robust mutexes
 * from it, which each thread has (give_list).
 *
 * Where the host's own filter is against one of these questions, the others must
 * do; see is_listless.
 */
#include "shim/base/process.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/base/sandbox.h"
#include "shim/base/thread.h"

/* Of an owner that could not be asked for its number. */
#define NAMELESS -1

static struct process *page;
static bool page_wiped;

/* 0: nobody may be asked. */
static pid_t ask_id(void)
{
	return sandbox_allows(SYS_getpid) ? getpid() : 0;
}

bool process_is_init(void)
{
	return ask_id() == 1;
}

/* True also where it cannot be known. */
static bool has_parent(void)
{
	return !sandbox_allows(SYS_getppid) || getppid();
}

/* False also where it cannot be known. */
static bool has_list(void)
{
	void *head = NULL;
	size_t size;

	return sandbox_allows(SYS_get_robust_list) &&
	       !syscall(SYS_get_robust_list, 0, &head, &size) && head;
}

/* glibc has one for each thread, musl for those only that hold such a mutex. An empty
 * one, which may be everybody's, changes nothing else. */
static void give_list(void)
{
	static struct robust_list_head none = { .list = { &none.list } };
	void *head = NULL;
	size_t size;

	if (sandbox_allows(SYS_get_robust_list) &&
	    sandbox_allows(SYS_set_robust_list) &&
	    !syscall(SYS_get_robust_list, 0, &head, &size) && !head)
		syscall(SYS_set_robust_list, &none, sizeof(none));
}

/* By the list alone. Where nobody may be asked for that either, who was marked
 * stays one, and is not logged: one that were not taken for a vfork child would end
 * its host's taps. */
static bool is_listless(void)
{
	return thread_state.untraced == THREAD_VFORK_CHILD && !has_list();
}

static void adopt(pid_t self)
{
	give_list();
	atomic_store(&page->parentless, !has_parent());
	atomic_store(&page->listed, has_list());
	atomic_store(&page->owner, self ? self : NAMELESS);
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
		adopt(ask_id());
	else if (page)
		give_list();
}

/* With the owner's number: only who was marked before it was made can be another
 * process. */
static bool is_namesake(void)
{
	if (thread_state.untraced != THREAD_VFORK_CHILD)
		return false;
	if (!sandbox_allows(SYS_getppid))
		return is_listless();
	if (getppid())
		return false;
	return !atomic_load(&page->parentless) ||
	       (atomic_load(&page->listed) && !has_list());
}

/* Only libc's forks wipe the page where the kernel cannot. */
static bool is_child_of(pid_t owner)
{
	return sandbox_allows(SYS_getppid) ? getppid() == owner : is_listless();
}

bool process_is_vfork_child(void)
{
	pid_t self = ask_id();
	pid_t known = page ? atomic_load(&page->owner) : 0;

	if (!page)
		return false;
	if (known && known == self)
		return is_namesake();
	if (known && (!self || known == NAMELESS))
		return is_listless();
	if (known && (page_wiped || is_child_of(known)))
		return true;
	adopt(self);
	return false;
}

pid_t process_id(void)
{
	pid_t known = page ? atomic_load(&page->owner) : 0;

	return known > 0 ? known : ask_id();
}
