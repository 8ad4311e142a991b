/* SPDX-License-Identifier: Apache-2.0
 *
 * Into the queues of several taps: messages that are interrupted, jumped out of
 * and forked in the midst of their copy, and messages that are about to be sent.
 *
 * The midst of a copy is where it comes to a page that is not to be read.
 */
#include <criterion/criterion.h>

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/base/clock.h"
#include "shim/capture/enqueue.h"
#include "shim/queue.h"

#define TAPS     2
#define MESSAGES 1000
#define PAGE     4096
#define SIZE     100
#define HALF     50 /* of it is to be read */

static struct queue *_Atomic queue[TAPS];
static _Atomic uint64_t lost[TAPS];
static uint8_t *page, *barred; /* two pages in a row */
static uint64_t stamps;

static void start(void)
{
}

static void begin(void)
{
	for (int i = 0; i < TAPS; i++)
		queue[i] = queue_new(MESSAGES);
	enqueue_begin(
		&(struct enqueue_setup){ TAPS, queue, lost, start, NULL });
	page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	barred = page + PAGE;
	memset(page, 'x', 2 * PAGE);
	mprotect(barred, PAGE, PROT_NONE);
}

TestSuite(enqueue, .init = begin);

static void put(uint8_t *octets)
{
	struct event seen = { .stamp_ns = ++stamps, .size = SIZE };
	struct iovec iov = { octets, SIZE };

	enqueue(&seen, &(struct octets){ .iov = &iov, .left = SIZE });
}

static void put_whole(void)
{
	put(page);
}

static void put_barred(void)
{
	put(barred - HALF);
}

static void on_fault(void (*handler)(int), int flags)
{
	sigaction(SIGSEGV,
		  &(struct sigaction){ .sa_handler = handler,
				       .sa_flags = flags | SA_NODEFER },
		  NULL);
}

static void unbar(void)
{
	mprotect(barred, PAGE, PROT_READ | PROT_WRITE);
}

static void bar(void)
{
	mprotect(barred, PAGE, PROT_NONE);
}

/* Takes all there is out of a queue: so many messages, in their order. */
static void expect(int tap, size_t count)
{
	cr_assert_eq(queue_collect(queue[tap], UINT64_MAX), count, "%zu of %zu",
		     queue_pending(queue[tap]), count);
	for (size_t i = 0; i < count; i++) {
		const struct event *event = queue_event(queue[tap], i);

		cr_assert_eq(event->size, SIZE);
		cr_assert(i == 0 ||
			  event->stamp_ns >=
				  queue_event(queue[tap], i - 1)->stamp_ns);
		for (size_t k = 0; k < SIZE; k++)
			cr_assert_eq(event->payload[k], 'x');
	}
	queue_release(queue[tap], count);
}

static void expect_counts(uint64_t captured, uint64_t abandoned)
{
	for (int i = 0; i < TAPS; i++) {
		cr_assert_eq(queue_captured(queue[i]), captured, "%d: %zu", i,
			     (size_t)queue_captured(queue[i]));
		cr_assert_eq(queue_dropped(queue[i], DROP_ABANDONED), abandoned,
			     "%d: %zu", i,
			     (size_t)queue_dropped(queue[i], DROP_ABANDONED));
		cr_assert_eq(queue_dropped(queue[i], DROP_QUEUE_FULL), 0);
		cr_assert_eq(queue_in_ring(queue[i]), 0);
	}
}

Test(enqueue, goes_to_every_tap)
{
	for (int i = 0; i < 10; i++)
		put_whole();
	enqueue_count_drop(DROP_MALFORMED, 3);
	for (int i = 0; i < TAPS; i++) {
		expect(i, 10);
		cr_assert_eq(queue_dropped(queue[i], DROP_MALFORMED), 3);
	}
	expect_counts(13, 0);
}

/* Jumps */

static sigjmp_buf back;

static void jump(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

static void jump_out_of(void (*what)(void))
{
	if (!sigsetjmp(back, 1))
		what();
}

/* Only the first tap had got that far. */
Test(enqueue, retires_what_was_jumped_out_of)
{
	on_fault(jump, 0);
	put_whole();
	for (int i = 0; i < 10 * MESSAGES; i++) {
		jump_out_of(put_barred);
		put_whole();
		expect(0, i ? 1 : 2);
		expect(1, i ? 1 : 2);
	}
	cr_assert_eq(queue_captured(queue[0]), 1 + 20 * MESSAGES);
	cr_assert_eq(queue_dropped(queue[0], DROP_ABANDONED), 10 * MESSAGES);
	cr_assert_eq(queue_captured(queue[1]), 1 + 10 * MESSAGES);
	cr_assert_eq(queue_dropped(queue[0], DROP_QUEUE_FULL), 0);
}

#define STACK (1 << 16)

static uint8_t *stacks; /* the thread's, and above it its handlers' */

static void *with_stack(void *what)
{
	stack_t own = { .ss_sp = stacks + STACK, .ss_size = STACK };

	sigaltstack(&own, NULL);
	((void (*)(void))what)();
	return NULL;
}

/* In a thread whose handlers have a stack of their own, which lies higher. */
static void with_own_stack(void (*what)(void))
{
	pthread_attr_t attributes;
	pthread_t thread;

	stacks = mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stacks, STACK);
	pthread_create(&thread, &attributes, with_stack, what);
	pthread_join(thread, NULL);
}

static void jump_out_and_put(void)
{
	jump_out_of(put_barred);
	put_whole();
}

Test(enqueue, retires_what_was_jumped_out_of_from_another_stack)
{
	on_fault(jump, SA_ONSTACK);
	with_own_stack(jump_out_and_put);
	expect(0, 1);
	cr_assert_eq(queue_dropped(queue[0], DROP_ABANDONED), 1);
}

/* Handlers that come back */

static void put_and_unbar(int number)
{
	(void)number;
	put_whole();
	put_whole();
	queue_collect(queue[0], UINT64_MAX); /* the other is kept */
	unbar();
}

static void interrupt_and_go_on(void)
{
	for (int i = 0; i < 100; i++) {
		put_barred();
		bar();
	}
}

static void expect_all(void)
{
	expect(0, 300);
	expect(1, 300);
	expect_counts(300, 0);
}

Test(enqueue, goes_on_behind_a_handler)
{
	on_fault(put_and_unbar, 0);
	interrupt_and_go_on();
	expect_all();
}

Test(enqueue, goes_on_behind_a_handler_on_another_stack)
{
	on_fault(put_and_unbar, SA_ONSTACK);
	with_own_stack(interrupt_and_go_on);
	expect_all();
}

static void put_barred_in_handler(int number)
{
	(void)number;
	on_fault(jump, SA_ONSTACK);
	put_barred();
}

static void jump_out_of_handler(void)
{
	sigaction(SIGUSR1,
		  &(struct sigaction){ .sa_handler = put_barred_in_handler,
				       .sa_flags = SA_ONSTACK },
		  NULL);
	if (!sigsetjmp(back, 1))
		raise(SIGUSR1);
	put_whole();
}

Test(enqueue, retires_what_was_left_on_another_stack)
{
	with_own_stack(jump_out_of_handler);
	expect(0, 1);
	cr_assert_eq(queue_dropped(queue[0], DROP_ABANDONED), 1);
}

static void jump_within(int number)
{
	(void)number;
	on_fault(jump, 0);
	jump_out_of(put_barred);
	unbar();
}

/* It is the handler's own message that is left. */
Test(enqueue, retires_what_a_handler_has_left)
{
	on_fault(jump_within, 0);
	put_barred();
	expect(0, 1);
	expect(1, 1);
	cr_assert_eq(queue_dropped(queue[0], DROP_ABANDONED), 1);
	cr_assert_eq(queue_captured(queue[0]), 2);
}

/* Cancellation, at any instruction */

#define CANCELLED 400
#define BURST     5 /* messages of one call; the last one has not crossed */

static uint64_t taken[TAPS];

static void take_all(uint64_t now_ns)
{
	for (int i = 0; i < TAPS; i++) {
		size_t count = queue_collect(queue[i], now_ns);

		queue_release(queue[i], count);
		taken[i] += count;
	}
}

static void send_burst(void)
{
	struct event seen = { .stamp_ns = 1, .size = SIZE };
	struct iovec iov = { page, SIZE };
	struct enqueue_flight flight;

	enqueue_flight_begin(&flight);
	for (int i = 0; i < BURST; i++)
		enqueue_depart(&flight, &seen,
			       &(struct octets){ .iov = &iov, .left = SIZE });
	enqueue_land(&flight, BURST - 1, NULL);
}

static void *send_and_receive(void *begun)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (;;) {
		send_burst();
		put_whole();
		atomic_store((_Atomic int *)begun, 1);
	}
	return NULL;
}

/* Most of the time there is room in the queues. */
static void cancel_one(int looks)
{
	_Atomic int begun = 0;
	pthread_t thread;

	pthread_create(&thread, NULL, send_and_receive, &begun);
	while (!atomic_load(&begun))
		sched_yield();
	while (looks--)
		take_all(UINT64_MAX);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
}

static void expect_sum(int tap)
{
	uint64_t captured = queue_captured(queue[tap]), left = 0;

	for (int cause = 0; cause < DROP_CAUSE_COUNT; cause++)
		left += queue_dropped(queue[tap], cause);
	cr_assert_eq(queue_in_ring(queue[tap]), 0);
	cr_assert_eq(captured, taken[tap] + left, "%zu = %zu + %zu",
		     (size_t)captured, (size_t)taken[tap], (size_t)left);
}

/* Whatever it was in the midst of has been logged or is counted as lost, once. */
Test(enqueue, accounts_for_what_a_cancelled_thread_has_left)
{
	srand(1);
	for (int i = 0; i < CANCELLED; i++)
		cancel_one(rand() % 20);
	/* As time passes it becomes known who has ended. */
	for (int i = 0; i < 5; i++)
		take_all(clock_steady() + i * NS_PER_S);
	take_all(UINT64_MAX);
	for (int i = 0; i < TAPS; i++)
		expect_sum(i);
}

/* Forks */

static int forks_left;

static void die_of(int number)
{
	_exit(number);
}

/* The child goes on where its parent was interrupted, and so does that. */
static void fork_there(int number)
{
	int status;
	pid_t child = forks_left-- > 0 ? fork() : -1;

	(void)number;
	unbar();
	if (!child)
		on_fault(die_of, 0);
	if (child > 0)
		cr_assert_eq(waitpid(child, &status, 0), child);
	if (child > 0)
		cr_assert_eq(status, 0, "%#x", status);
}

Test(enqueue, lets_a_child_finish_what_it_was_forked_in)
{
	pid_t self = getpid();

	for (forks_left = 100; forks_left > 0;) {
		on_fault(fork_there, 0);
		put_barred();
		if (getpid() != self) {
			put_whole();
			_exit(0);
		}
		expect(0, 1);
		expect(1, 1);
		bar();
	}
	expect_counts(100, 0);
}

/* Sends */

static void depart(struct enqueue_flight *flight, size_t count)
{
	struct event seen = { .stamp_ns = ++stamps,
			      .size = SIZE,
			      .flags = EVENT_SENT };
	struct iovec iov = { page, SIZE };

	for (size_t i = 0; i < count; i++)
		enqueue_depart(flight, &seen,
			       &(struct octets){ .iov = &iov, .left = SIZE });
}

static void send_some(size_t count, size_t crossed)
{
	struct enqueue_flight flight;

	enqueue_flight_begin(&flight);
	depart(&flight, count);
	enqueue_land(&flight, crossed, NULL);
}

Test(enqueue, logs_what_a_call_has_sent)
{
	uint64_t sum = 0;

	for (size_t count = 1; count <= 1024; count += 1 + count / 3)
		for (size_t left = 0; left <= count; left += 1 + count / 3) {
			send_some(count, count - left);
			expect(0, count - left);
			expect(1, count - left);
			sum += count - left;
		}
	expect_counts(sum, 0);
}

Test(enqueue, counts_what_had_no_room_where_it_crossed)
{
	uint64_t room = 0;

	while (!queue_dropped(queue[0], DROP_QUEUE_FULL)) {
		put_whole();
		room++;
	}
	send_some(10, 0);
	cr_assert_eq(queue_dropped(queue[0], DROP_QUEUE_FULL), 1);
	send_some(10, 4);
	cr_assert_eq(queue_dropped(queue[0], DROP_QUEUE_FULL), 5);
	cr_assert_eq(queue_captured(queue[0]), room + 4);
	expect(0, room - 1);
}

Test(enqueue, says_to_which_address_a_send_has_bound_its_socket)
{
	struct address local = { { 192, 0, 2, 1 }, 5353, false, true };
	struct enqueue_flight flight;

	enqueue_flight_begin(&flight);
	depart(&flight, 1);
	enqueue_land(&flight, 1, &local);
	cr_assert_eq(queue_collect(queue[0], UINT64_MAX), 1);
	const struct event *event = queue_event(queue[0], 0);
	cr_assert_eq(event->local_port, 5353);
	cr_assert_eq(event->flags, EVENT_SENT | EVENT_LOCAL);
	cr_assert(!memcmp(event->local, local.octets, 4));
}

static void send_and_jump(void)
{
	struct enqueue_flight flight;

	enqueue_flight_begin(&flight);
	depart(&flight, 3);
	siglongjmp(back, 1);
}

/* Whether they have crossed nobody knows. */
Test(enqueue, retires_calls_that_were_jumped_out_of)
{
	for (int i = 0; i < MESSAGES; i++) {
		jump_out_of(send_and_jump);
		put_whole();
		expect(0, 1);
		expect(1, 1);
	}
	expect_counts(4 * MESSAGES, 3 * MESSAGES);
}

static void answer_in_handler(int number)
{
	(void)number;
	put_whole();
	send_some(2, 2);
}

Test(enqueue, lets_handlers_send_while_a_call_waits)
{
	struct enqueue_flight flight;

	signal(SIGUSR1, answer_in_handler);
	enqueue_flight_begin(&flight);
	depart(&flight, 2);
	raise(SIGUSR1);
	expect(0, 3);
	enqueue_land(&flight, 2, NULL);
	expect(0, 2);
	expect(1, 5);
	expect_counts(5, 0);
}

/* A removed tap's queue has gone while a call waits: the others have what it sends. */
Test(enqueue, lands_what_it_sends_behind_a_queue_that_has_gone)
{
	struct enqueue_flight flight;

	enqueue_flight_begin(&flight);
	depart(&flight, 3);
	queue_collect_last(queue[0], UINT64_MAX);
	queue_give_back(queue[0]);
	enqueue_land(&flight, 3, NULL);
	expect(1, 3);
	cr_assert_eq(queue_captured(queue[1]), 3);
	cr_assert_eq(queue_dropped(queue[1], DROP_QUEUE_FULL), 0);
}

static void give_in_handler(int number)
{
	struct event seen = { .stamp_ns = ++stamps,
			      .size = SIZE,
			      .flags = EVENT_GIVEN,
			      .tail = HALF };
	struct iovec iov = { page, SIZE }, tail = { page, HALF };

	(void)number;
	enqueue_given(UINT64_MAX, &seen,
		      &(struct octets){ .iov = &iov, .left = SIZE },
		      &(struct octets){ .iov = &tail, .left = HALF });
	unbar();
}

Test(enqueue, takes_what_a_handler_gives_while_a_call_waits)
{
	struct enqueue_flight flight;

	signal(SIGUSR1, give_in_handler);
	enqueue_flight_begin(&flight);
	depart(&flight, 2);
	raise(SIGUSR1);
	expect(0, 1);
	enqueue_land(&flight, 2, NULL);
	expect(0, 2);
	expect(1, 3);
	expect_counts(3, 0);
}

Test(enqueue, takes_what_a_handler_gives_in_the_midst_of_a_copy)
{
	on_fault(give_in_handler, 0);
	put_barred();
	expect(0, 2);
	expect(1, 2);
	expect_counts(2, 0);
}

/* Its queues are not there any more: what the call has sent is counted as lost by
 * its child, which has sent it as well. */
Test(enqueue, lets_a_child_land_what_its_parent_began)
{
	struct enqueue_flight flight;
	int status;

	enqueue_flight_begin(&flight);
	depart(&flight, 2);
	pid_t child = fork();
	if (!child) {
		for (int i = 0; i < TAPS; i++)
			queue[i] = queue_new(MESSAGES);
		enqueue_land(&flight, 2, NULL);
		put_whole();
		expect(0, 1);
		expect(1, 1);
		expect_counts(3, 2);
		_exit(0);
	}
	waitpid(child, &status, 0);
	cr_assert_eq(status, 0);
	enqueue_land(&flight, 2, NULL);
	expect(0, 2);
}

/* What it has sent was lost for want of one, not of room. */
Test(enqueue, counts_as_unstarted_what_left_before_the_queue_began)
{
	struct enqueue_flight flight;
	struct queue *late = queue[1];

	queue[1] = NULL;
	enqueue_flight_begin(&flight);
	depart(&flight, 2);
	queue[1] = late;
	enqueue_land(&flight, 2, NULL);
	expect(0, 2);
	cr_assert_eq(queue_dropped(late, DROP_QUEUE_FULL), 0);
	cr_assert_eq(queue_dropped(late, DROP_UNSTARTED), 2);
	cr_assert_eq(queue_captured(late), 2);
}
