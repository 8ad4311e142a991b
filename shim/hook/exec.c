/* SPDX-License-Identifier: Apache-2.0
 *
 * A process that becomes another program: what it has captured is sent before,
 * where the real call may be expected to succeed, and the taps begin anew where
 * it has failed. posix_spawn(3), system(3) and popen(3) make the system call
 * themselves, in a child.
 */
#include "shim/hook/exec.h"

#include <alloca.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "shim/base/sandbox.h"
#include "shim/hook/real.h"
#include "shim/hook/runtime.h"

static bool is_program(int directory, const char *path, int flags)
{
	struct stat about;

	if (!sandbox_spares(sandbox_program))
		return path; /* too much is sent rather than too little */
	return path && !fstatat(directory, path, &about, flags) &&
	       S_ISREG(about.st_mode) &&
	       (*path ? !faccessat(directory, path, X_OK, 0)
		      : about.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH));
}

bool exec_pause(int directory, const char *path, int flags)
{
	int saved = errno;
	bool paused = runtime_has_begun() &&
		      is_program(directory, path, flags) && runtime_pause();

	errno = saved;
	return paused;
}

/* `file` in the first directory of `list`, or "" where that is too long; where
 * the list is empty, it is the current one. Returns the rest of the list. */
static const char *next_path(const char *list, const char *file,
			     char path[PATH_MAX])
{
	const char *end = strchrnul(list, ':');
	int size = snprintf(path, PATH_MAX, "%.*s%s%s", (int)(end - list), list,
			    end == list ? "" : "/", file);

	if (size >= PATH_MAX)
		*path = '\0';
	return *end ? end + 1 : NULL;
}

/* As the shell looks for it. */
static bool pause_found(const char *file)
{
	const char *list = getenv("PATH");
	char path[PATH_MAX];
	bool paused = false;

	if (!runtime_has_begun())
		return false;
	if (!file || !*file || strchr(file, '/'))
		return exec_pause(AT_FDCWD, file, 0);
	for (list = list ? list : "/bin:/usr/bin"; list && !paused;) {
		list = next_path(list, file, path);
		paused = *path && exec_pause(AT_FDCWD, path, 0);
	}
	return paused;
}

/* The real call has failed. */
static int resume_if(bool paused, int result)
{
	if (paused)
		runtime_resume();
	return result;
}

int execve(const char *path, char *const argv[], char *const envp[])
{
	bool paused = exec_pause(AT_FDCWD, path, 0);

	return resume_if(paused, real.execve(path, argv, envp));
}

int execveat(int directory, const char *path, char *const argv[],
	     char *const envp[], int flags)
{
	bool paused = exec_pause(directory, path, flags);

	return resume_if(paused,
			 real.execveat(directory, path, argv, envp, flags));
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
	bool paused = exec_pause(fd, "", AT_EMPTY_PATH);

	return resume_if(paused, real_late(fexecve)(fd, argv, envp));
}

int execv(const char *path, char *const argv[])
{
	bool paused = exec_pause(AT_FDCWD, path, 0);

	return resume_if(paused, real_late(execv)(path, argv));
}

int execvp(const char *file, char *const argv[])
{
	bool paused = pause_found(file);

	return resume_if(paused, real_late(execvp)(file, argv));
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
	bool paused = pause_found(file);

	return resume_if(paused, real_late(execvpe)(file, argv, envp));
}

/* The arguments of execl(3) and its kin, before the NULL. */
static size_t count(const char *argument, va_list *list)
{
	size_t n = 0;

	for (; argument; n++)
		argument = va_arg(*list, char *);
	return n;
}

static void fill(char **argv, const char *argument, va_list *list)
{
	while ((*argv++ = (char *)argument))
		argument = va_arg(*list, char *);
}

/* A vector on the stack, as libc has it; `list` goes on behind it. */
#define GATHER(argv, first, list)                                        \
	va_list list;                                                    \
	va_start(list, first);                                           \
	char **argv = alloca((count(first, &list) + 1) * sizeof(*argv)); \
	va_end(list);                                                    \
	va_start(list, first);                                           \
	fill(argv, first, &list)

int execl(const char *path, const char *argument, ...)
{
	GATHER(argv, argument, list);
	va_end(list);
	return execv(path, argv);
}

int execlp(const char *file, const char *argument, ...)
{
	GATHER(argv, argument, list);
	va_end(list);
	return execvp(file, argv);
}

int execle(const char *path, const char *argument, ...)
{
	GATHER(argv, argument, list);
	char *const *envp = va_arg(list, char *const *);
	va_end(list);
	return execve(path, argv, envp);
}
