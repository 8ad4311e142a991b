/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a program on a kernel that answers otherwise:
 *
 *   kernel CALL[:OPTION]=ERRNO[,…] PROGRAM [ARGUMENT…]
 *
 * Calls of that name fail so; with OPTION only those that have it as their third
 * argument, as getsockopt(2) has an option. The filter is there before the program.
 */
#include "seccomp.h"

#define CALL(name)                \
	{                         \
#name, SYS_##name \
	}

static const struct {
	const char *name;
	int number;
} calls[] = {
	CALL(accept4),         CALL(clone3),      CALL(close_range),
	CALL(fallocate),       CALL(flock),       CALL(get_robust_list),
	CALL(getrandom),       CALL(getsockname), CALL(getsockopt),
	CALL(madvise),         CALL(ppoll),       CALL(prctl),
	CALL(pwritev2),        CALL(recvmsg),     CALL(renameat2),
	CALL(rt_sigtimedwait), CALL(sendmmsg),    CALL(sigaltstack),
	CALL(signalfd4),       CALL(tgkill),      CALL(unshare),
};

static struct sock_filter filter[256];
static unsigned short size;

static void put(struct sock_filter line)
{
	MUST(size < ARRAY_SIZE(filter));
	filter[size++] = line;
}

static void load(size_t offset)
{
	put((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

/* The next `count` lines are for this value only. */
static void only(int value, unsigned char count)
{
	put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0,
					 count));
}

static int number_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (!strcmp(calls[i].name, name))
			return calls[i].number;
	MUST(!"a call of the table");
	return -1;
}

static void refuse(char *what)
{
	char *error = strchr(what, '='), *option = strchr(what, ':');

	MUST(error);
	*error++ = '\0';
	if (option)
		*option++ = '\0';
	load(offsetof(struct seccomp_data, nr));
	only(number_of(what), option ? 3 : 1);
	if (option) {
		load(offsetof(struct seccomp_data, args[2]));
		only(atoi(option), 1);
	}
	put((struct sock_filter)BPF_STMT(BPF_RET, REFUSE(atoi(error))));
}

int main(int argc, char **argv)
{
	char *rest = NULL;

	MUST(argc > 2);
	for (char *what = strtok_r(argv[1], ",", &rest); what;
	     what = strtok_r(NULL, ",", &rest))
		refuse(what);
	put((struct sock_filter)BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW));
	struct sock_fprog program = { size, filter };
	seccomp_set(&program);
	execvp(argv[2], argv + 2);
	MUST(!"a program");
}
