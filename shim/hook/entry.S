/* SPDX-License-Identifier: Apache-2.0
 *
 * syscall(2), libc's function of that name: programs (libuv among them) send
 * and receive through it. A number that is no business of ours reaches the real
 * function by a jump with nothing on our frame, as SYS_vfork and SYS_clone need
 * it, and at the cost of a load and two branches.
 */
#include "shim/hook/syscall.h"

	.hidden	real
	.hidden	syscall_observed
	.hidden	observed_syscall
#if defined(__x86_64__)
	.text
	.globl	syscall
	.type	syscall, @function
syscall:
	.cfi_startproc
	endbr64
	cmpq	$SYSCALL_OBSERVED_SIZE, %rdi
	jae	1f
	leaq	syscall_observed(%rip), %rax
	cmpb	$0, (%rax,%rdi)
	jne	2f
1:	jmpq	*real(%rip)
2:	jmp	observed_syscall
	.cfi_endproc
	.size	syscall, . - syscall
	.section .note.GNU-stack, "", @progbits
#elif defined(__aarch64__)
	.text
	.globl	syscall
	.type	syscall, %function
syscall:
	.cfi_startproc
	hint	#34
	cmp	x0, #SYSCALL_OBSERVED_SIZE
	b.hs	1f
	adrp	x16, syscall_observed
	add	x16, x16, :lo12:syscall_observed
	ldrb	w16, [x16, x0]
	cbnz	w16, 2f
1:	adrp	x16, real
	ldr	x16, [x16, :lo12:real]
	br	x16
2:	b	observed_syscall
	.cfi_endproc
	.size	syscall, . - syscall
	.section .note.GNU-stack, "", %progbits
#endif
