/* SPDX-License-Identifier: Apache-2.0
 *
 * Every libc name that the library defines, once. Expanded into the table of
 * real functions, its resolution, the export map and the list that inspecting a
 * program goes by; so there is no include guard.
 *
 * CALL(name, number, arguments): hooked; until the real function is resolved,
 *   the system call `number` stands in for it, with that many arguments.
 * LATE(name): hooked, but no system call can stand in for it; called before
 *   that, it is looked up on the spot.
 * KIN(name): another name of a hooked call, which leads to its hook.
 */
#ifndef CALL
#define CALL(name, number, arguments)
#endif
#ifndef LATE
#define LATE(name)
#endif
#ifndef KIN
#define KIN(name)
#endif

/* First, and in this order: the entries of entry.S know their places. */
CALL(syscall, SYS_getpid, 0)
CALL(vfork, SYS_clone, 0)
CALL(clone, SYS_getpid, 0)
LATE(dlopen)
LATE(dlsym)

CALL(recv, SYS_recvfrom, 4)
CALL(recvfrom, SYS_recvfrom, 6)
CALL(recvmsg, SYS_recvmsg, 3)
CALL(recvmmsg, SYS_recvmmsg, 5)
CALL(send, SYS_sendto, 4)
CALL(sendto, SYS_sendto, 6)
CALL(sendmsg, SYS_sendmsg, 3)
CALL(sendmmsg, SYS_sendmmsg, 4)
CALL(read, SYS_read, 3)
CALL(readv, SYS_readv, 3)
CALL(write, SYS_write, 3)
CALL(writev, SYS_writev, 3)
CALL(preadv2, SYS_preadv2, 5)
CALL(pwritev2, SYS_pwritev2, 5)
CALL(sendfile, SYS_sendfile, 4)
CALL(splice, SYS_splice, 6)

CALL(socket, SYS_socket, 3)
CALL(socketpair, SYS_socketpair, 4)
CALL(bind, SYS_bind, 3)
CALL(connect, SYS_connect, 3)
CALL(setsockopt, SYS_setsockopt, 5)
CALL(accept, SYS_accept, 3)
CALL(accept4, SYS_accept4, 4)
CALL(close, SYS_close, 1)
CALL(close_range, SYS_close_range, 3)
CALL(closefrom, SYS_close_range, 1)
CALL(dup, SYS_dup, 1)
CALL(dup2, SYS_dup3, 2)
CALL(dup3, SYS_dup3, 3)
CALL(fcntl, SYS_fcntl, 3)
CALL(fcntl64, SYS_fcntl, 3)

CALL(prctl, SYS_prctl, 5)

CALL(_exit, SYS_exit_group, 1)
CALL(_Exit, SYS_exit_group, 1)

CALL(execve, SYS_execve, 3)
CALL(execveat, SYS_execveat, 5)

LATE(fexecve)
LATE(execv)
LATE(execvp)
LATE(execvpe)
LATE(execl)
LATE(execlp)
LATE(execle)
LATE(abort)
LATE(daemon)
LATE(fdopen)

KIN(preadv64v2)
KIN(pwritev64v2)
KIN(sendfile64)
KIN(__recv_chk)
KIN(__recvfrom_chk)
KIN(__read_chk)
KIN(__send)
KIN(__read)
KIN(__write)
KIN(__connect)
KIN(__close)
KIN(__dup2)
KIN(__fcntl)
KIN(__vfork)
KIN(__clone)

#undef CALL
#undef LATE
#undef KIN
