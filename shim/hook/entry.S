/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries that must leave nothing on the stack.
 *
 * syscall(2), libc's function of that name: programs (libuv among them) send
 * and receive through it. A number that is no business of ours reaches the real
 * function by a jump, as SYS_vfork and SYS_clone need it, and at the cost of a
 * load and two branches.
 *
 * vfork(2), clone(2), and syscall(2) of their numbers: the child may be a guest
 * in this memory. It shares the thread's state, so that is marked beforehand
 * (thread_divide); the parent finds the mark when it goes on, and sees that it is
 * no guest.
 */
#include "shim/base/thread.h"
#include "shim/hook/syscall.h"

	.hidden	real
	.hidden	syscall_observed
	.hidden	observed_syscall
	.hidden	thread_divide
#if defined(__x86_64__)
	.macro	entry name
	.globl	\name
	.type	\name, @function
\name:
	.cfi_startproc
	endbr64
	.endm

	.macro	leave name
	.cfi_endproc
	.size	\name, . - \name
	.endm

	/* With the arguments, and the stack, as they were. */
	.macro	keep register
	pushq	\register
	.cfi_adjust_cfa_offset 8
	.endm

	.macro	restore register
	popq	\register
	.cfi_adjust_cfa_offset -8
	.endm

	.macro	mark_guest
	.irp	register, %rdi, %rsi, %rdx, %rcx, %r8, %r9, %rax
	keep	\register
	.endr
	call	thread_divide
	.irp	register, %rax, %r9, %r8, %rcx, %rdx, %rsi, %rdi
	restore	\register
	.endr
	.endm

	.text
	entry	syscall
	cmpq	$SYSCALL_OBSERVED_SIZE, %rdi
	jae	1f
	leaq	syscall_observed(%rip), %rax
	movzbl	(%rax,%rdi), %eax
	testl	%eax, %eax
	je	1f
	cmpl	$SYSCALL_DIVIDES, %eax
	jne	observed_syscall
	mark_guest
1:	jmpq	*(REAL_SYSCALL + real)(%rip)
	leave	syscall

	entry	vfork
	mark_guest
	jmpq	*(REAL_VFORK + real)(%rip)
	leave	vfork

	entry	clone
	mark_guest
	jmpq	*(REAL_CLONE + real)(%rip)
	leave	clone

	.section .note.GNU-stack, "", @progbits
#elif defined(__aarch64__)
	.macro	entry name
	.globl	\name
	.type	\name, %function
\name:
	.cfi_startproc
	hint	#34
	.endm

	.macro	leave name
	.cfi_endproc
	.size	\name, . - \name
	.endm

	/* With the arguments, and the stack, as they were. */
	.macro	mark_guest
	stp	x29, x30, [sp, #-80]!
	.cfi_adjust_cfa_offset 80
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	stp	x0, x1, [sp, #16]
	stp	x2, x3, [sp, #32]
	stp	x4, x5, [sp, #48]
	stp	x6, x7, [sp, #64]
	bl	thread_divide
	ldp	x0, x1, [sp, #16]
	ldp	x2, x3, [sp, #32]
	ldp	x4, x5, [sp, #48]
	ldp	x6, x7, [sp, #64]
	ldp	x29, x30, [sp], #80
	.cfi_adjust_cfa_offset -80
	.cfi_restore x29
	.cfi_restore x30
	.endm

	.macro	go_on offset
	adrp	x16, real
	add	x16, x16, :lo12:real
	ldr	x16, [x16, #\offset]
	br	x16
	.endm

	.text
	entry	syscall
	cmp	x0, #SYSCALL_OBSERVED_SIZE
	b.hs	1f
	adrp	x16, syscall_observed
	add	x16, x16, :lo12:syscall_observed
	ldrb	w16, [x16, x0]
	cbz	w16, 1f
	cmp	w16, #SYSCALL_DIVIDES
	b.ne	observed_syscall
	mark_guest
1:	go_on	REAL_SYSCALL
	leave	syscall

	entry	vfork
	mark_guest
	go_on	REAL_VFORK
	leave	vfork

	entry	clone
	mark_guest
	go_on	REAL_CLONE
	leave	clone

	.section .note.GNU-stack, "", %progbits
#endif
