/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries that must leave nothing on the stack.
 *
 * syscall(2), libc's function of that name: programs (libuv among them) send
 * and receive through it. A number that is no business of ours reaches the real
 * function by a jump, as SYS_vfork and SYS_clone need it, and at the cost of a
 * load and two branches.
 *
 * vfork(2), clone(2), and syscall(2) of their numbers: the child may be a vfork child
 * in this memory. It shares the thread's state, so that is marked beforehand
 * (thread_before_vfork); the parent finds the mark when it goes on, and sees that it is
 * no vfork child.
 *
 * dlopen(3) and dlsym(3) go by the address that they return to: it tells whose
 * RUNPATH, namespace and RTLD_NEXT count. What the library has to do comes
 * first, in dl.c, and the real function is jumped to as it was called.
 */
#include "shim/base/thread.h"
#include "shim/hook/dl.h"
#include "shim/hook/syscall.h"

	.hidden	real
	.hidden	syscall_observed
	.hidden	observed_syscall
	.hidden	thread_before_vfork
	.hidden	dl_attend
	.hidden	dl_loaded
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

	.macro	kin other, name
	.globl	\other
	.set	\other, \name
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

	.macro	mark_vfork_child
	.irp	register, %rdi, %rsi, %rdx, %rcx, %r8, %r9, %rax
	keep	\register
	.endr
	call	thread_before_vfork
	.irp	register, %rax, %r9, %r8, %rcx, %rdx, %rsi, %rdi
	restore	\register
	.endr
	.endm

	/* Calls dl_attend(\deep) with the arguments kept. */
	.macro	attend deep
	.irp	register, %rdi, %rsi, %rax
	keep	\register
	.endr
	movl	\deep, %edi
	call	dl_attend
	.irp	register, %rax, %rsi, %rdi
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
	cmpl	$SYSCALL_VFORKS, %eax
	jne	observed_syscall
	mark_vfork_child
1:	jmpq	*(REAL_SYSCALL + real)(%rip)
	leave	syscall

	entry	vfork
	mark_vfork_child
	jmpq	*(REAL_VFORK + real)(%rip)
	leave	vfork
	kin	__vfork, vfork

	entry	clone
	mark_vfork_child
	jmpq	*(REAL_CLONE + real)(%rip)
	leave	clone
	kin	__clone, clone

	entry	dlopen
	attend	%esi
	jmpq	*(REAL_DLOPEN + real)(%rip)
	leave	dlopen

	entry	dlsym
	movq	dl_loaded@gottpoff(%rip), %rax
	cmpb	$0, %fs:(%rax)
	jne	1f
	cmpq	$0, (REAL_DLSYM + real)(%rip)
	jne	2f
1:	attend	$0
2:	jmpq	*(REAL_DLSYM + real)(%rip)
	leave	dlsym

	/* Indirect branches lead to endbr64, and no return address is touched;
	 * else the linker would take these protections from all of the library,
	 * and the loader from the process. */
	.section .note.gnu.property, "a", @note
	.p2align 3
	.long	4, 16, 5 /* sizes of name and content; NT_GNU_PROPERTY_TYPE_0 */
	.asciz	"GNU"
	.long	0xc0000002, 4, 3, 0 /* X86_FEATURE_1_AND: IBT, SHSTK */

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

	.macro	kin other, name
	.globl	\other
	.set	\other, \name
	.endm

	/* With the arguments, and the stack, as they were. */
	.macro	mark_vfork_child
	hint	#25 /* paciasp */
	.cfi_negate_ra_state
	stp	x29, x30, [sp, #-80]!
	.cfi_adjust_cfa_offset 80
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	stp	x0, x1, [sp, #16]
	stp	x2, x3, [sp, #32]
	stp	x4, x5, [sp, #48]
	stp	x6, x7, [sp, #64]
	bl	thread_before_vfork
	ldp	x0, x1, [sp, #16]
	ldp	x2, x3, [sp, #32]
	ldp	x4, x5, [sp, #48]
	ldp	x6, x7, [sp, #64]
	ldp	x29, x30, [sp], #80
	hint	#29 /* autiasp */
	.cfi_negate_ra_state
	.cfi_adjust_cfa_offset -80
	.cfi_restore x29
	.cfi_restore x30
	.endm

	/* Calls dl_attend(\deep) with the arguments kept. */
	.macro	attend deep
	hint	#25 /* paciasp */
	.cfi_negate_ra_state
	stp	x29, x30, [sp, #-32]!
	.cfi_adjust_cfa_offset 32
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	stp	x0, x1, [sp, #16]
	mov	w0, \deep
	bl	dl_attend
	ldp	x0, x1, [sp, #16]
	ldp	x29, x30, [sp], #32
	hint	#29 /* autiasp */
	.cfi_negate_ra_state
	.cfi_adjust_cfa_offset -32
	.cfi_restore x29
	.cfi_restore x30
	.endm

	.macro	load_real offset
	adrp	x16, real
	add	x16, x16, :lo12:real
	ldr	x16, [x16, #\offset]
	.endm

	.macro	go_on offset
	load_real \offset
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
	cmp	w16, #SYSCALL_VFORKS
	b.ne	observed_syscall
	mark_vfork_child
1:	go_on	REAL_SYSCALL
	leave	syscall

	entry	vfork
	mark_vfork_child
	go_on	REAL_VFORK
	leave	vfork
	kin	__vfork, vfork

	entry	clone
	mark_vfork_child
	go_on	REAL_CLONE
	leave	clone
	kin	__clone, clone

	entry	dlopen
	attend	w1
	go_on	REAL_DLOPEN
	leave	dlopen

	entry	dlsym
	mrs	x16, tpidr_el0
	adrp	x17, :gottprel:dl_loaded
	ldr	x17, [x17, #:gottprel_lo12:dl_loaded]
	ldrb	w17, [x16, x17]
	cbnz	w17, 1f
	load_real REAL_DLSYM
	cbnz	x16, 2f
1:	attend	wzr
2:	go_on	REAL_DLSYM
	leave	dlsym

	/* As above. */
	.section .note.gnu.property, "a", %note
	.p2align 3
	.long	4, 16, 5 /* sizes of name and content; NT_GNU_PROPERTY_TYPE_0 */
	.asciz	"GNU"
	.long	0xc0000000, 4, 3, 0 /* AARCH64_FEATURE_1_AND: BTI, PAC */

	.section .note.GNU-stack, "", %progbits
#endif
