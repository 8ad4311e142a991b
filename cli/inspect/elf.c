/* SPDX-License-Identifier: Apache-2.0
 *
 * ELF files. Every offset in one is checked before it is followed.
 */
#include "cli/inspect/elf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/common.h"

#define PAGE 4096 /* the smallest */

/* The octets at `offset`, or NULL if they do not all lie in the file, or not
 * where such a structure may lie. */
static const void *at(const struct elf *elf, uint64_t offset, uint64_t size)
{
	if (offset > elf->size || size > elf->size - offset ||
	    offset % sizeof(void *))
		return NULL;
	return elf->data + offset;
}

static const ElfW(Ehdr) * header(const struct elf *elf)
{
	return (const ElfW(Ehdr) *)elf->data;
}

static const ElfW(Phdr) * segments(const struct elf *elf, size_t *n)
{
	const ElfW(Ehdr) *ehdr = header(elf);

	*n = ehdr->e_phnum;
	if (ehdr->e_phentsize != sizeof(ElfW(Phdr)))
		return NULL;
	return at(elf, ehdr->e_phoff, *n * sizeof(ElfW(Phdr)));
}

static const ElfW(Phdr) * segment(const struct elf *elf, uint32_t type)
{
	size_t n;
	const ElfW(Phdr) *all = segments(elf, &n);

	for (size_t i = 0; all && i < n; i++)
		if (all[i].p_type == type)
			return &all[i];
	return NULL;
}

/* An address as the program sees it → where it lies in the file. */
static uint64_t offset_of(const struct elf *elf, uint64_t address)
{
	size_t n;
	const ElfW(Phdr) *all = segments(elf, &n);

	for (size_t i = 0; all && i < n; i++)
		if (all[i].p_type == PT_LOAD && address >= all[i].p_vaddr &&
		    address - all[i].p_vaddr < all[i].p_filesz)
			return address - all[i].p_vaddr + all[i].p_offset;
	return UINT64_MAX;
}

/* NUL-terminated text within the file. */
static const char *text_at(const struct elf *elf, uint64_t offset,
			   uint64_t size)
{
	if (offset > elf->size || size > elf->size - offset || size == 0 ||
	    elf->data[offset + size - 1] != '\0')
		return NULL;
	return (const char *)elf->data + offset;
}

static uint64_t dyn_value(const struct elf *elf, int64_t tag)
{
	for (size_t i = 0; i < elf->n_dyn; i++)
		if (elf->dyn[i].d_tag == tag)
			return elf->dyn[i].d_un.d_val;
	return 0;
}

static const char *string(const struct elf *elf, uint64_t offset)
{
	return offset < elf->strings_size ? elf->strings + offset : NULL;
}

static const char *dyn_string(const struct elf *elf, int64_t tag)
{
	uint64_t value = dyn_value(elf, tag);

	return value ? string(elf, value) : NULL;
}

/* The symbol table has no size of its own; it ends where the strings begin, as
 * every linker lays them out, or at the end of the file. */
static void read_symbols(struct elf *elf)
{
	uint64_t begin = offset_of(elf, dyn_value(elf, DT_SYMTAB));
	uint64_t end = offset_of(elf, dyn_value(elf, DT_STRTAB));

	if (begin >= elf->size)
		return;
	if (end <= begin || end > elf->size)
		end = elf->size;
	elf->n_symbols = (end - begin) / sizeof(ElfW(Sym));
	elf->symbols = at(elf, begin, elf->n_symbols * sizeof(ElfW(Sym)));
	if (!elf->symbols)
		elf->n_symbols = 0;
}

static void read_dynamic(struct elf *elf)
{
	const ElfW(Phdr) *phdr = segment(elf, PT_DYNAMIC);
	uint64_t strings;

	if (!phdr)
		return;
	elf->dynamic = true;
	elf->dyn = at(elf, phdr->p_offset, phdr->p_filesz);
	elf->n_dyn = elf->dyn ? phdr->p_filesz / sizeof(ElfW(Dyn)) : 0;
	strings = offset_of(elf, dyn_value(elf, DT_STRTAB));
	elf->strings = text_at(elf, strings, dyn_value(elf, DT_STRSZ));
	if (!elf->strings)
		return;
	elf->strings_size = dyn_value(elf, DT_STRSZ);
	elf->soname = dyn_string(elf, DT_SONAME);
	elf->rpath = dyn_string(elf, DT_RPATH);
	elf->runpath = dyn_string(elf, DT_RUNPATH);
	read_symbols(elf);
}

static const ElfW(Shdr) * sections(const struct elf *elf, size_t *n)
{
	const ElfW(Ehdr) *ehdr = header(elf);

	*n = ehdr->e_shnum;
	if (ehdr->e_shentsize != sizeof(ElfW(Shdr)))
		return NULL;
	return at(elf, ehdr->e_shoff, *n * sizeof(ElfW(Shdr)));
}

/* Go's linker leaves a section .go.buildinfo, also in stripped programs. */
static bool has_section(const struct elf *elf, const char *name)
{
	size_t n, length = strlen(name) + 1;
	const ElfW(Shdr) *all = sections(elf, &n), *names;

	if (!all || header(elf)->e_shstrndx >= n)
		return false;
	names = &all[header(elf)->e_shstrndx];
	if (!text_at(elf, names->sh_offset, names->sh_size))
		return false;
	for (size_t i = 0; i < n; i++)
		if (all[i].sh_name < names->sh_size &&
		    names->sh_size - all[i].sh_name >= length &&
		    !memcmp(elf->data + names->sh_offset + all[i].sh_name, name,
			    length))
			return true;
	return false;
}

static void read_native(struct elf *elf)
{
	const ElfW(Phdr) *phdr = segment(elf, PT_INTERP);

	if (phdr)
		elf->interpreter = text_at(elf, phdr->p_offset, phdr->p_filesz);
	read_dynamic(elf);
	elf->go = has_section(elf, ".go.buildinfo") ||
		  has_section(elf, ".note.go.buildid");
}

static int map(struct elf *elf, const char *path)
{
	struct stat file;
	void *data;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int error = -ENOEXEC;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &file) && S_ISREG(file.st_mode) && file.st_size > 0) {
		data = mmap(NULL, file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		error = data == MAP_FAILED ? -errno : 0;
		if (!error) {
			elf->data = data;
			elf->size = file.st_size;
		}
	}
	close(fd);
	return error;
}

int elf_read(struct elf *elf, const void *data, size_t size)
{
	*elf = (struct elf){ .data = data, .size = size };
	if (size < sizeof(ElfW(Ehdr)) || memcmp(data, ELFMAG, SELFMAG))
		return -ENOEXEC;
	elf->class = elf->data[EI_CLASS];
	elf->machine = header(elf)->e_machine; /* where both classes have it */
	elf->native = elf->class == ELF_NATIVE_CLASS &&
		      elf->machine == ELF_NATIVE_MACHINE;
	if (elf->native)
		read_native(elf);
	return 0;
}

int elf_open(struct elf *elf, const char *path)
{
	int error;

	*elf = (struct elf){ 0 };
	error = map(elf, path);
	if (error)
		return error;
	error = elf_read(elf, elf->data, elf->size);
	if (error)
		elf_close(elf);
	return error;
}

void elf_close(struct elf *elf)
{
	if (elf->data)
		munmap((void *)elf->data, elf->size);
	*elf = (struct elf){ 0 };
}

const char *elf_needed(const struct elf *elf, size_t n)
{
	for (size_t i = 0; i < elf->n_dyn; i++)
		if (elf->dyn[i].d_tag == DT_NEEDED && n-- == 0)
			return string(elf, elf->dyn[i].d_un.d_val);
	return NULL;
}

void elf_imports(const struct elf *elf,
		 void (*each)(void *context, const char *name), void *context)
{
	const char *name;

	for (size_t i = 1; i < elf->n_symbols; i++) {
		if (elf->symbols[i].st_shndx != SHN_UNDEF)
			continue;
		name = string(elf, elf->symbols[i].st_name);
		if (name && *name)
			each(context, name);
	}
}

static bool is_binding(uint32_t type)
{
	static const uint32_t types[] = { ELF_BINDING_TYPES };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (type == types[i])
			return true;
	return false;
}

/* Those of one table, of which the dynamic section has address and size. */
static void bindings_of(const struct elf *elf, int64_t table, int64_t size,
			void (*each)(void *context, const char *name,
				     uint64_t address),
			void *context)
{
	size_t n = dyn_value(elf, size) / sizeof(ElfW(Rela));
	const ElfW(Rela) *all = at(elf, offset_of(elf, dyn_value(elf, table)),
				   n * sizeof(ElfW(Rela)));

	for (size_t i = 0; all && i < n; i++) {
		size_t number = ELF64_R_SYM(all[i].r_info);
		const char *name;

		if (!is_binding(ELF64_R_TYPE(all[i].r_info)) ||
		    number >= elf->n_symbols ||
		    elf->symbols[number].st_shndx != SHN_UNDEF)
			continue;
		name = string(elf, elf->symbols[number].st_name);
		if (name)
			each(context, name, all[i].r_offset);
	}
}

void elf_bindings(const struct elf *elf,
		  void (*each)(void *context, const char *name,
			       uint64_t address),
		  void *context)
{
	bindings_of(elf, DT_JMPREL, DT_PLTRELSZ, each, context);
	bindings_of(elf, DT_RELA, DT_RELASZ, each, context);
}

uint64_t elf_base(const struct elf *elf)
{
	uint64_t base = UINT64_MAX;
	size_t n;
	const ElfW(Phdr) *all = segments(elf, &n);

	for (size_t i = 0; all && i < n; i++)
		if (all[i].p_type == PT_LOAD && all[i].p_vaddr < base)
			base = all[i].p_vaddr;
	return base == UINT64_MAX ? 0 : base & ~(uint64_t)(PAGE - 1);
}
