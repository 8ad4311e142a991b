/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters are programs of the classic BPF (seccomp(2)), which are run here as the
 * kernel will run them: of several the severest verdict counts.
 */
#include "shim/base/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/common.h"
#include "shim/base/reach.h"
#include "shim/base/thread.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define FILTERS_MAX 16
#define POOL_SIZE   8192 /* instructions; touched as they are used */

static struct filter {
	const struct sock_filter *code; /* NULL: punishes everything */
	unsigned length;
	bool all; /* also threads that ran already */
} filter[FILTERS_MAX];
static struct sock_filter pool[POOL_SIZE];
static size_t pooled;

_Atomic unsigned sandbox_filters;
static _Atomic unsigned beyond; /* that have no place of their own */

/* Filters of this thread of ours; a host's has them all. */
static _Thread_local unsigned inherited;

/* What a running program has. */
struct machine {
	uint32_t a, x, memory[BPF_MEMWORDS];
	const struct seccomp_data *data;
};

static uint32_t compute(unsigned operation, uint32_t a, uint32_t b)
{
	switch (operation) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return a / b; /* by zero: see run */
	case BPF_OR:
		return a | b;
	case BPF_AND:
		return a & b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return a << (b & 31);
	case BPF_RSH:
		return a >> (b & 31);
	default:
		return -a; /* BPF_NEG */
	}
}

static bool holds(unsigned condition, uint32_t a, uint32_t b)
{
	switch (condition) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default:
		return a & b; /* BPF_JSET */
	}
}

static uint32_t load(const struct machine *machine,
		     const struct sock_filter *step)
{
	uint32_t word = 0;

	switch (BPF_MODE(step->code)) {
	case BPF_ABS:
		if (step->k <= sizeof(*machine->data) - sizeof(word))
			memcpy(&word, (const char *)machine->data + step->k,
			       sizeof(word));
		return word;
	case BPF_LEN:
		return sizeof(*machine->data);
	case BPF_MEM:
		return machine->memory[step->k % BPF_MEMWORDS];
	default:
		return step->k; /* BPF_IMM */
	}
}

/* Loads, stores and computes. */
static void step_on(struct machine *machine, const struct sock_filter *step)
{
	uint32_t operand = BPF_SRC(step->code) == BPF_X ? machine->x : step->k;

	switch (BPF_CLASS(step->code)) {
	case BPF_LD:
		machine->a = load(machine, step);
		break;
	case BPF_LDX:
		machine->x = load(machine, step);
		break;
	case BPF_ST:
		machine->memory[step->k % BPF_MEMWORDS] = machine->a;
		break;
	case BPF_STX:
		machine->memory[step->k % BPF_MEMWORDS] = machine->x;
		break;
	case BPF_ALU:
		machine->a = compute(BPF_OP(step->code), machine->a, operand);
		break;
	case BPF_MISC:
		if (BPF_MISCOP(step->code) == BPF_TAX)
			machine->x = machine->a;
		else
			machine->a = machine->x;
		break;
	}
}

static unsigned jump(const struct machine *machine,
		     const struct sock_filter *step)
{
	uint32_t operand = BPF_SRC(step->code) == BPF_X ? machine->x : step->k;

	if (BPF_OP(step->code) == BPF_JA)
		return step->k;
	return holds(BPF_OP(step->code), machine->a, operand) ? step->jt
							      : step->jf;
}

/* The program ends there, and with it whoever made the call. */
static bool divides_by_zero(const struct machine *machine,
			    const struct sock_filter *step)
{
	return step->code == (BPF_ALU | BPF_DIV | BPF_X) && !machine->x;
}

static uint32_t run(const struct filter *of, const struct seccomp_data *data)
{
	struct machine machine = { .data = data };

	/* Jumps only lead forward. */
	for (unsigned at = 0; at < of->length; at++) {
		const struct sock_filter *step = &of->code[at];

		if (BPF_CLASS(step->code) == BPF_RET)
			return BPF_RVAL(step->code) == BPF_A ? machine.a
							     : step->k;
		if (divides_by_zero(&machine, step))
			break;
		if (BPF_CLASS(step->code) == BPF_JMP)
			at += jump(&machine, step);
		else
			step_on(&machine, step);
	}
	return SECCOMP_RET_KILL_PROCESS;
}

static enum sandbox_verdict judge_number(const struct filter *by, int number,
					 const struct sandbox_call *call)
{
	struct seccomp_data data = { .nr = number, .arch = ARCHITECTURE };

	memcpy(data.args, call->argument, sizeof(call->argument));
	switch (run(by, &data) & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
		return SANDBOX_ALLOWED;
	case SECCOMP_RET_ERRNO:
		return SANDBOX_REFUSED;
	default:
		return SANDBOX_PUNISHED;
	}
}

/* And what libc may call in its place. */
static enum sandbox_verdict judge_one(const struct filter *by,
				      const struct sandbox_call *call)
{
	enum sandbox_verdict worst = judge_number(by, call->number, call);

	for (size_t i = 0; sandbox_instead[i].number >= 0; i++) {
		if (sandbox_instead[i].of != call->number)
			continue;
		enum sandbox_verdict verdict =
			judge_number(by, sandbox_instead[i].number, call);
		if (verdict > worst)
			worst = verdict;
	}
	return worst;
}

enum sandbox_verdict sandbox_judge(const struct sandbox_call *call)
{
	unsigned count =
		atomic_load_explicit(&sandbox_filters, memory_order_acquire);
	bool ours = thread_state.untraced == THREAD_OURS;
	enum sandbox_verdict worst = SANDBOX_ALLOWED;

	for (unsigned i = 0; i < count && i < FILTERS_MAX; i++) {
		if (ours && i >= inherited && !filter[i].all)
			continue;
		enum sandbox_verdict verdict = judge_one(&filter[i], call);
		if (verdict > worst)
			worst = verdict;
	}
	return worst;
}

bool sandbox_spares(const struct sandbox_call *list)
{
	for (; list->number >= 0; list++)
		if (sandbox_asks(list) == SANDBOX_PUNISHED)
			return false;
	return true;
}

unsigned sandbox_bequest(void)
{
	return thread_state.untraced == THREAD_OURS
		       ? inherited
		       : atomic_load(&sandbox_filters);
}

void sandbox_inherit(unsigned filters)
{
	inherited = filters;
}

static bool copy(const struct sock_fprog *program, struct filter *to)
{
	size_t size;

	if (!program || !reach_reads(program, sizeof(*program)))
		return false;
	size = program->len * sizeof(*program->filter);
	if (!program->len || pooled + program->len > POOL_SIZE ||
	    !reach_reads(program->filter, size))
		return false;
	memcpy(pool + pooled, program->filter, size);
	to->code = pool + pooled;
	to->length = program->len;
	return true;
}

/* The one that has been read. */
static struct filter *next_filter(void)
{
	unsigned count = atomic_load(&sandbox_filters);

	return &filter[count < FILTERS_MAX ? count : FILTERS_MAX - 1];
}

static bool spares(const struct filter *by, const struct sandbox_call *list)
{
	for (; list->number >= 0; list++)
		if (judge_one(by, list) == SANDBOX_PUNISHED)
			return false;
	return true;
}

static bool spares_ours(const struct filter *by)
{
	static const struct sandbox_call *const lists[] = {
		sandbox_running, sandbox_looking_up, sandbox_writing,
		sandbox_metrics, sandbox_relatives,  sandbox_recorder,
		sandbox_others,
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (!spares(by, lists[i]))
			return false;
	return true;
}

bool sandbox_read(const struct sock_fprog *program, bool all)
{
	struct filter *next = next_filter();
	int saved = errno;

	/* In the last place it joins those for which there is no other. */
	bool joins = atomic_load(&sandbox_filters) == FILTERS_MAX;
	*next = (struct filter){ .all = all || (joins && next->all) };
	if (atomic_load(&sandbox_filters) < FILTERS_MAX - 1)
		copy(program, next);
	errno = saved;
	return spares(next, sandbox_beside) && (!all || spares_ours(next));
}

enum sandbox_verdict sandbox_foresees(int number)
{
	return judge_one(next_filter(),
			 &(struct sandbox_call){ .number = number });
}

void sandbox_enter(void)
{
	unsigned count = atomic_load(&sandbox_filters);

	if (count == FILTERS_MAX) {
		atomic_fetch_add(&beyond, 1);
		return; /* the last of them punishes everything */
	}
	pooled += filter[count].length;
	/* Release: of what has been read. */
	atomic_store_explicit(&sandbox_filters, count + 1,
			      memory_order_release);
}

void sandbox_leave(void)
{
	if (atomic_load(&beyond)) {
		atomic_fetch_sub(&beyond, 1);
		return;
	}
	unsigned count = atomic_fetch_sub(&sandbox_filters, 1);

	pooled -= filter[count - 1].length;
}
