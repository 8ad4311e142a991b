/* SPDX-License-Identifier: Apache-2.0
 *
 * Every libc name that the library defines, once. Expanded into the table of
 * real functions, its resolution, the export map, the observers of syscall(2) and
 * the list that inspecting a program goes by; so there is no include guard.
 *
 * CALL(name, number, arguments, way): hooked; until the real function is resolved,
 *   the system call `number` stands in for it, with that many arguments.
 * LATE(name): hooked, but no system call can stand in for it; called before
 *   that, it is looked up on the spot.
 * KIN(name, of): another name of a hooked call, which leads to its hook.
 *
 * The way that the same call goes when it is made by its number (syscall.c), and
 * what it moves (cli/inspect/imports.c):
 *   MESSAGES(io)  a function of io.h makes it; it is for sockets only
 *   OCTETS(io)    likewise; it is for any file
 *   CARRIED(io)   a function of io.h or fd.h makes it; what it moves is not
 *                 seen, or nothing
 *   BEFORE(what), AFTER(what), AROUND(what)
 *                 before_what and after_what of syscall.c stand around it
 *   UNSEEN        straight on; entry.S says what the name does
 *   ANY_CALL      it may be any of these
 */
#ifndef CALL
#define CALL(name, number, arguments, way)
#endif
#ifndef LATE
#define LATE(name)
#endif
#ifndef KIN
#define KIN(name, of)
#endif

/* First, and in this order: the entries of entry.S know their places. */
CALL(syscall, SYS_getpid, 0, ANY_CALL)
CALL(vfork, SYS_clone, 0, UNSEEN)
CALL(clone, SYS_getpid, 0, UNSEEN)
LATE(dlopen)
LATE(dlsym)

CALL(recv, SYS_recvfrom, 4, MESSAGES(io_recvfrom))
CALL(recvfrom, SYS_recvfrom, 6, MESSAGES(io_recvfrom))
CALL(recvmsg, SYS_recvmsg, 3, MESSAGES(io_recvmsg))
CALL(recvmmsg, SYS_recvmmsg, 5, MESSAGES(io_recvmmsg))
CALL(send, SYS_sendto, 4, MESSAGES(io_sendto))
CALL(sendto, SYS_sendto, 6, MESSAGES(io_sendto))
CALL(sendmsg, SYS_sendmsg, 3, MESSAGES(io_sendmsg))
CALL(sendmmsg, SYS_sendmmsg, 4, MESSAGES(io_sendmmsg))
CALL(read, SYS_read, 3, OCTETS(io_read))
CALL(readv, SYS_readv, 3, OCTETS(io_readv))
CALL(write, SYS_write, 3, OCTETS(io_write))
CALL(writev, SYS_writev, 3, OCTETS(io_writev))
CALL(preadv2, SYS_preadv2, 5, OCTETS(carry_preadv2))
CALL(pwritev2, SYS_pwritev2, 5, OCTETS(carry_pwritev2))
CALL(sendfile, SYS_sendfile, 4, CARRIED(io_sendfile))
CALL(splice, SYS_splice, 6, CARRIED(io_splice))

CALL(socket, SYS_socket, 3, CARRIED(fd_socket))
CALL(socketpair, SYS_socketpair, 4, CARRIED(fd_socketpair))
CALL(bind, SYS_bind, 3, CARRIED(fd_bind))
CALL(connect, SYS_connect, 3, CARRIED(fd_connect))
CALL(setsockopt, SYS_setsockopt, 5, CARRIED(io_setsockopt))
CALL(accept, SYS_accept, 3, CARRIED(fd_accept))
CALL(accept4, SYS_accept4, 4, CARRIED(fd_accept4))
CALL(close, SYS_close, 1, CARRIED(fd_close))
CALL(close_range, SYS_close_range, 3, CARRIED(fd_close_range))
CALL(closefrom, SYS_close_range, 1, CARRIED(fd_close_range))
CALL(dup, SYS_dup, 1, CARRIED(fd_dup))
CALL(dup2, SYS_dup3, 2, CARRIED(fd_dup2))
CALL(dup3, SYS_dup3, 3, CARRIED(fd_dup3))
CALL(fcntl, SYS_fcntl, 3, CARRIED(fd_fcntl))

CALL(prctl, SYS_prctl, 5, AROUND(prctl))

CALL(_exit, SYS_exit_group, 1, BEFORE(exit))
CALL(_Exit, SYS_exit_group, 1, BEFORE(exit))

CALL(execve, SYS_execve, 3, AROUND(execve))
CALL(execveat, SYS_execveat, 5, AROUND(execveat))

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

LATE(sigaction)
LATE(signal)
LATE(__sysv_signal)
LATE(sigset)
LATE(siginterrupt)
LATE(raise)

KIN(sendfile64, sendfile)
KIN(__vfork, vfork)
KIN(__clone, clone)
KIN(bsd_signal, signal)

/* Not in musl; glibc.c has them. */
#ifndef LIBC_MUSL
CALL(fcntl64, SYS_fcntl, 3, CARRIED(fd_fcntl))
KIN(preadv64v2, preadv2)
KIN(pwritev64v2, pwritev2)
KIN(__recv_chk, recv)
KIN(__recvfrom_chk, recvfrom)
KIN(__read_chk, read)
KIN(__send, send)
KIN(__read, read)
KIN(__write, write)
KIN(__connect, connect)
KIN(__close, close)
KIN(__dup2, dup2)
KIN(__fcntl, fcntl)
KIN(__sigaction, sigaction)
KIN(ssignal, signal)
KIN(sysv_signal, __sysv_signal)
#endif

#undef CALL
#undef LATE
#undef KIN
