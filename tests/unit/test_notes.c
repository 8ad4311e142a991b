/* SPDX-License-Identifier: Apache-2.0
 *
 * Notes and the message that they go with, also where a signal handler comes between;
 * and what is found in them.
 *
 * The midst of a copy is where it comes to a page that is not to be read.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/metadata.h"
#include "shim/base/thread.h"
#include "shim/capture/enqueue.h"
#include "shim/capture/fdtable.h"
#include "shim/capture/notes.h"
#include "shim/queue.h"

#define SIZE 100
#define PAGE 4096

static struct queue *_Atomic queue;
static _Atomic uint64_t lost;
static uint8_t *barred;
static int noted;
static sigjmp_buf back;

static void start(void)
{
}

static void begin(void)
{
	queue = queue_new(1000);
	enqueue_begin(&(struct enqueue_setup){ 1, &queue, &lost, start, NULL });
	uint8_t *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	barred = page + PAGE;
	mprotect(barred, PAGE, PROT_NONE);
}

TestSuite(notes, .init = begin);

static void send_from(uint8_t *octets)
{
	static uint64_t stamp;
	const struct event seen = { .stamp_ns = ++stamp,
				    .size = SIZE,
				    .flags = EVENT_SENT | EVENT_TCP };
	struct iovec iov = { octets, SIZE };

	enqueue_noted(7, &seen, &(struct octets){ .iov = &iov, .left = SIZE });
}

static void expect(const char *value)
{
	cr_assert_eq(queue_collect(queue, UINT64_MAX), 1);
	const struct event *event = queue_event(queue, 0);
	const char *found =
		metadata_find((const char *)event->payload + event->size,
			      event->tail, "a/b", 3);
	cr_assert_eq(event->size, SIZE);
	cr_assert_eq(!found, !value);
	if (value)
		cr_assert_str_eq(found, value);
	queue_release(queue, 1);
}

Test(notes, go_with_one_message)
{
	uint8_t octets[SIZE] = { 0 };

	cr_assert_eq(notes_add(7, "a/b", "1"), 0);
	cr_assert_eq(notes_add(7, "a/b", "2"), 0);
	send_from(octets);
	expect("2");
	send_from(octets);
	expect(NULL);
	cr_assert_eq(notes_add(8, "a/b", "8"), 0);
	send_from(octets);
	expect(NULL);
	cr_assert(thread_state.noted);
	cr_assert_eq(notes_add(8, NULL, NULL), 0);
	cr_assert_not(thread_state.noted);
}

/* What had no room in its connection went with it. */
Test(notes, are_not_the_next_sockets)
{
	uint8_t octets[SIZE] = { 0 };

	fdtable_fresh(7, FD_FRESH_TCP);
	cr_assert_eq(notes_add(7, "a/b", "old"), 0);
	fdtable_forget(7);
	send_from(octets);
	expect(NULL);
	cr_assert_eq(notes_add(7, "a/c", "new"), 0);
	send_from(octets);
	expect(NULL);
	cr_assert_eq(notes_add(7, "a/b", "new"), 0);
	fdtable_unlearn(7);
	send_from(octets);
	expect("new");
}

static void unbar(void)
{
	mprotect(barred, PAGE, PROT_READ | PROT_WRITE);
}

static void note_there(int number)
{
	(void)number;
	noted = notes_add(7, "a/b", "handler's");
	unbar();
}

static void leave(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

static void on_fault(void (*handler)(int))
{
	sigaction(SIGSEGV,
		  &(struct sigaction){ .sa_handler = handler,
				       .sa_flags = SA_NODEFER },
		  NULL);
}

/* What is being copied is not changed; behind it there is room. */
Test(notes, are_refused_in_the_midst_of_a_copy)
{
	on_fault(note_there);
	cr_assert_eq(notes_add(7, "a/b", "mine"), 0);
	send_from(barred - SIZE / 2);
	expect("mine");
	cr_assert_eq(noted, -EBUSY);
	cr_assert_eq(notes_add(7, "a/b", "next"), 0);
	send_from(barred - SIZE / 2);
	expect("next");
}

static uint8_t zeroes[SIZE];

static void depart(struct enqueue_flight *flight)
{
	const struct event seen = { .stamp_ns = 1,
				    .size = SIZE,
				    .flags = EVENT_SENT };
	struct iovec iov = { zeroes, SIZE };

	enqueue_depart_noted(flight, 7, &seen,
			     &(struct octets){ .iov = &iov, .left = SIZE });
}

static void send_there(int number)
{
	struct enqueue_flight flight;

	(void)number;
	enqueue_flight_begin(&flight);
	depart(&flight);
	enqueue_land(&flight, 1, NULL);
	send_from(zeroes);
}

static const char *note_of(size_t index)
{
	const struct event *event = queue_event(queue, index);

	return metadata_find((const char *)event->payload + event->size,
			     event->tail, "a/b", 3);
}

/* Whatever the call that it has interrupted is about to do with it. */
Test(notes, are_not_a_handlers_that_comes_between)
{
	struct enqueue_flight flight;

	signal(SIGUSR1, send_there);
	cr_assert_eq(notes_add(7, "a/b", "mine"), 0);
	enqueue_flight_begin(&flight);
	raise(SIGUSR1);
	cr_assert_eq(queue_collect(queue, UINT64_MAX), 2);
	cr_assert_null(note_of(0));
	cr_assert_null(note_of(1));
	queue_release(queue, 2);
	depart(&flight);
	enqueue_land(&flight, 1, NULL);
	expect("mine");
}

/* A copy that the thread has jumped out of is over. */
Test(notes, are_taken_behind_a_jump)
{
	uint8_t octets[SIZE] = { 0 };

	on_fault(leave);
	cr_assert_eq(notes_add(7, "a/b", "lost"), 0);
	if (!sigsetjmp(back, 1))
		send_from(barred - SIZE / 2);
	cr_assert_eq(notes_add(7, "a/b", "next"), 0);
	send_from(octets);
	expect("next");
	cr_assert_eq(queue_dropped(queue, DROP_ABANDONED), 1);
}

Test(metadata, is_found_in_whatever_octets)
{
	static const char octets[] = "a/b\0one\0a/bc\0two\0a/b\0three\0a/b";
	const char *end = octets + sizeof(octets);

	cr_assert_str_eq(metadata_find(octets, sizeof(octets), "a/b", 3),
			 "three");
	cr_assert_str_eq(metadata_find(octets, sizeof(octets), "a/bc", 4),
			 "two");
	cr_assert_null(metadata_find(octets, sizeof(octets), "a/", 2));
	cr_assert_null(metadata_find(octets, 0, "a/b", 3));
	cr_assert_null(metadata_find(NULL, 0, "a/b", 3));
	for (size_t size = 0; size < sizeof(octets); size++) {
		const char *found = metadata_find(octets, size, "a/b", 3);

		cr_assert(!found || found + strlen(found) < end);
		cr_assert_eq(!found, size < 8);
	}
}

Test(metadata, has_keys)
{
	cr_assert(metadata_is_key("policy/name"));
	cr_assert(metadata_is_key("a/b/c"));
	cr_assert_not(metadata_is_key("policy"));
	cr_assert_not(metadata_is_key("/policy"));
	cr_assert_not(metadata_is_key("policy/"));
	cr_assert_not(metadata_is_key("shim/pid"));
	cr_assert_not(metadata_is_key("a/{b}"));
	cr_assert_not(metadata_is_key(""));
}
