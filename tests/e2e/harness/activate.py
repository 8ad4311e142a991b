# SPDX-License-Identifier: Apache-2.0
"""activate.py ADDRESS… -- PROGRAM ARGUMENT…: binds UDP and TCP sockets on port 53
and becomes the program, which inherits them (sd_listen_fds(3))."""

import fcntl
import os
import socket
import sys

FIRST = 3

at = sys.argv.index("--")
addresses, command = sys.argv[1:at], sys.argv[at + 1:]
sockets = []
for address in addresses:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
        one = socket.socket(family, kind)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, 53))
        if kind == socket.SOCK_STREAM:
            one.listen()
        sockets.append(one)
high = [fcntl.fcntl(one, fcntl.F_DUPFD, FIRST + 100) for one in sockets]
for number, fd in enumerate(high):
    os.dup2(fd, FIRST + number)
    os.close(fd)
os.environ.update(LISTEN_FDS=str(len(high)), LISTEN_PID=str(os.getpid()))
os.execvp(command[0], command)
