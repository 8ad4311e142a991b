/* SPDX-License-Identifier: Apache-2.0
 *
 * The examination of a program: file, script, ELF, imports.
 */
#include "cli/inspect/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/inspect/confine.h"
#include "cli/inspect/elf.h"
#include "cli/inspect/encryption.h"
#include "cli/inspect/library.h"

#define SCRIPT_DEPTH_MAX 4 /* as in Linux */
#define SCRIPT_LINE_MAX  256

static bool executable(const char *path)
{
	struct stat file;

	return !stat(path, &file) && S_ISREG(file.st_mode) &&
	       !access(path, X_OK);
}

char *program_find(const char *name)
{
	const char *list = getenv("PATH");
	char *path;

	if (strchr(name, '/'))
		return strdup(name);
	for (list = list ? list : "/usr/sbin:/usr/bin:/sbin:/bin"; *list;
	     list += *list == ':') {
		size_t length = strcspn(list, ":");

		if (asprintf(&path, "%.*s/%s", length ? (int)length : 1,
			     length ? list : ".", name) < 0)
			return NULL;
		if (executable(path))
			return path;
		free(path);
		list += length;
	}
	errno = ENOENT;
	return NULL;
}

/* The first line of a script behind "#!", cut into words. Returns false if the
 * file is none. */
static bool read_script(const char *path, char *line, char *words[2])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t size = fd < 0 ? -1 : read(fd, line, SCRIPT_LINE_MAX - 1);
	char *rest;

	if (fd >= 0)
		close(fd);
	if (size < 2 || line[0] != '#' || line[1] != '!')
		return false;
	line[size] = '\0';
	line[strcspn(line, "\n")] = '\0';
	words[0] = strtok_r(line + 2, " \t\r", &rest);
	words[1] = strtok_r(NULL, " \t\r", &rest);
	return words[0] != NULL;
}

static bool is_env(const char *path)
{
	return !strcmp(basename(path), "env");
}

/* What the first line of a script names (release with free), or NULL. */
static char *find_interpreter(char *const words[2])
{
	char *name, *path;

	if (!is_env(words[0]) || !words[1] || words[1][0] == '-')
		return realpath(words[0], NULL);
	name = program_find(words[1]);
	path = name ? realpath(name, NULL) : NULL;
	free(name);
	return path;
}

/* Leads from a script to the program that runs it. */
static int follow_scripts(struct program *program)
{
	char line[SCRIPT_LINE_MAX], *words[2], *next;

	for (int depth = 0; depth < SCRIPT_DEPTH_MAX; depth++) {
		if (!read_script(program->path, line, words))
			return 0;
		next = find_interpreter(words);
		if (!next)
			return -errno;
		verdict_add(&program->verdict, ANSWER_YES,
			    "%s is a script run by %s; if it starts another "
			    "program, inspect that one",
			    program->path, next);
		free(program->path);
		program->path = next;
	}
	return -ELOOP;
}

static const char *machine_name(unsigned machine)
{
	switch (machine) {
	case EM_386:
		return "32-bit x86";
	case EM_X86_64:
		return "x86-64";
	case EM_ARM:
		return "32-bit ARM";
	case EM_AARCH64:
		return "64-bit ARM";
	case EM_RISCV:
		return "RISC-V";
	default:
		return "another kind of machine";
	}
}

/* How it is loaded. Returns whether libraries are loaded at all. */
static bool judge_elf(struct verdict *verdict, const struct elf *elf)
{
	const char *interpreter = elf->interpreter;

	if (!elf->native)
		verdict_add(verdict, ANSWER_NO,
			    "it is a program for %s, and the library is for "
			    "%s",
			    machine_name(elf->machine),
			    machine_name(ELF_NATIVE_MACHINE));
	else if (elf->go)
		verdict_add(verdict, ANSWER_NO,
			    "it is written in Go, which makes its system "
			    "calls without libc");
	else if (!interpreter && elf->soname)
		verdict_add(verdict, ANSWER_NO,
			    "it is a shared library, not a program");
	else if (!interpreter)
		verdict_add(verdict, ANSWER_NO,
			    "it is statically linked: nothing can be "
			    "preloaded into it");
	else
		return true;
	return false;
}

static void judge_module(struct verdict *verdict, const struct module *module)
{
	if (!module->found)
		verdict_add(verdict, ANSWER_NO,
			    "its library %s is not found, so it does not start",
			    module->name);
	if (module->uring)
		verdict_add(verdict, ANSWER_PARTLY,
			    "%s can use io_uring, and what passes that way is "
			    "not seen",
			    module->name);
	if (module->xdp)
		verdict_add(verdict, ANSWER_YES,
			    "%s can use AF_XDP; in that mode of operation its "
			    "packets are not seen",
			    module->name);
}

static void judge_calls(struct verdict *verdict, uint64_t calls)
{
	const char *call;
	struct call about;
	bool carries = false, for_sockets = false;

	for (size_t n = 0; (call = imports_call(n, &about)); n++) {
		if (!(calls >> n & 1))
			continue;
		carries = true;
		for_sockets |= about.for_sockets;
		if (!about.hooked)
			verdict_add(verdict, ANSWER_PARTLY,
				    "it can call %s, which is not hooked",
				    call);
	}
	if (!carries)
		verdict_add(verdict, ANSWER_NO,
			    "neither it nor its libraries import a call that "
			    "could carry DNS messages");
	else if (!for_sockets)
		verdict_add(verdict, ANSWER_PARTLY,
			    "it only reads and writes, so all that could be "
			    "seen is DNS on sockets that it inherits");
}

int program_examine_imports(struct program *program)
{
	const struct imports *imports = &program->imports;
	uint64_t calls = 0;
	int error;

	if (!program->loads)
		return 0;
	error = imports_of_file(&program->imports, program->path);
	if (error)
		return error;
	for (size_t i = 0; i < imports->n; i++) {
		judge_module(&program->verdict, &imports->modules[i]);
		calls |= imports->modules[i].calls;
	}
	judge_calls(&program->verdict, calls);
	encryption_judge(&program->verdict, imports);
	if (imports->modules[0].dlopens)
		verdict_add(&program->verdict, ANSWER_YES,
			    "it can load modules while it runs; inspect the "
			    "process to see those too");
	return 0;
}

void program_examine_library(struct program *program)
{
	char *path = program->loads ? library_find(program->musl) : NULL;

	if (program->loads && program->musl)
		verdict_add(&program->verdict, path ? ANSWER_YES : ANSWER_NO,
			    "it is linked with musl, so it takes " LIBRARY_MUSL
			    "%s",
			    path ? "" : ", which is not installed");
	free(path);
}

static int examine_elf(struct program *program)
{
	struct elf elf;
	int error = elf_open(&elf, program->path);

	if (error == -ENOEXEC) {
		verdict_add(&program->verdict, ANSWER_NO,
			    "it is neither an ELF program nor a script");
		return 0;
	}
	if (error)
		return error;
	program->loads = judge_elf(&program->verdict, &elf);
	program->musl = library_is_musl(elf.interpreter);
	elf_close(&elf);
	return 0;
}

int program_examine(struct program *program, const char *path, bool by_caller)
{
	int error;

	*program = (struct program){ .path = realpath(path, NULL) };
	if (!program->path)
		return -errno;
	error = follow_scripts(program);
	if (!error)
		error = examine_elf(program);
	if (!error && program->loads)
		confine_judge(&program->verdict, program->path, by_caller);
	return error;
}

void program_free(struct program *program)
{
	free(program->path);
	verdict_free(&program->verdict);
	imports_free(&program->imports);
}
