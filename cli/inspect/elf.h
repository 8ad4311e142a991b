/* SPDX-License-Identifier: Apache-2.0
 *
 * What an ELF file says about itself: how it is loaded, what it needs and what
 * it imports. Reads only; safe for any file.
 */
#pragma once

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if UINTPTR_MAX == UINT64_MAX
#define ELF_NATIVE_CLASS ELFCLASS64
#else
#define ELF_NATIVE_CLASS ELFCLASS32
#endif

#if defined(__x86_64__)
#define ELF_NATIVE_MACHINE EM_X86_64
#define ELF_BINDING_TYPES  R_X86_64_JUMP_SLOT, R_X86_64_GLOB_DAT, R_X86_64_64
#elif defined(__aarch64__)
#define ELF_NATIVE_MACHINE EM_AARCH64
#define ELF_BINDING_TYPES \
	R_AARCH64_JUMP_SLOT, R_AARCH64_GLOB_DAT, R_AARCH64_ABS64
#else
#error "name this machine's EM_ constant here"
#endif

struct elf {
	const unsigned char *data;
	size_t size;
	unsigned char class;     /* ELFCLASS32 or ELFCLASS64 */
	unsigned machine;        /* EM_ */
	bool native;             /* of this machine; otherwise nothing below */
	const char *interpreter; /* NULL: none, so it is static or a library */
	const char *soname, *rpath, *runpath; /* NULL: none */
	bool dynamic;                         /* has a dynamic section */
	bool go;                              /* written in Go */
	const ElfW(Dyn) * dyn;
	size_t n_dyn;
	const char *strings; /* ends in NUL */
	size_t strings_size;
	const ElfW(Sym) * symbols;
	size_t n_symbols;
};

/* Returns 0; -ENOEXEC if it is no ELF file or a damaged one; or -errno. */
int elf_open(struct elf *elf, const char *path);
void elf_close(struct elf *elf);

/* The same of octets, aligned as for malloc(3), that stay the caller's: not to
 * be closed. */
int elf_read(struct elf *elf, const void *data, size_t size);

/* The n-th library that it needs, or NULL behind the last. */
const char *elf_needed(const struct elf *elf, size_t n);

/* Calls each with the name of every function or object it imports. */
void elf_imports(const struct elf *elf,
		 void (*each)(void *context, const char *name), void *context);

/* Calls each with the name of every imported function or object whose address is
 * kept somewhere, and that place, in the file's own addresses. */
void elf_bindings(const struct elf *elf,
		  void (*each)(void *context, const char *name,
			       uint64_t address),
		  void *context);

/* The lowest of its addresses that is loaded, in whole pages. */
uint64_t elf_base(const struct elf *elf);
