# SPDX-License-Identifier: Apache-2.0
"""A core dump of the host has nothing of what its clients asked."""

import re
import socket

from harness import dns, host, namespace

QUERIES = 200  # of host/dump.c
MARK = b"nobody-is-to-know"
SERVER = namespace.SERVER4, 53


def mappings(pid):
    """(range, what is mapped, the flags of proc_pid_smaps(5)) of each."""
    with open(f"/proc/{pid}/smaps") as smaps:
        text = smaps.read()
    found = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) (....) \S+ \S+ \S+ *(.*)$"
                       r"(?:\n[A-Z].*)*?\nVmFlags: (.*)", text, re.M)
    return [((int(begin, 16), int(end, 16)), name or "anonymous", flags.split())
            for begin, end, _, name, flags in found if "w" in _]


def holding(pid):
    """Those that hold the mark."""
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for (begin, end), name, flags in mappings(pid):
            memory.seek(begin)
            if MARK in memory.read(end - begin):
                yield name, flags


def test_dump():
    program = host.build("dump", f'-DUPSTREAM="{namespace.UPSTREAM}"')
    running = host.Host(program, "forgets")
    running.listens()
    name = f"{MARK.decode()}.test"
    with socket.create_connection(SERVER, timeout=20) as half, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        query = dns.query(1, name)
        half.sendall((len(query) + 1).to_bytes(2, "big") + query)
        client.settimeout(20)
        for ident in range(QUERIES):
            client.sendto(dns.query(ident, name), SERVER)
            client.recv(4096)
        running.collector.wait(2 * QUERIES)
        held = list(holding(running.process.child.pid))
    # Of its own it has as much on its stack.
    dumped = [name for name, flags in held if "dd" not in flags and name != "[stack]"]
    assert not dumped, f"in a core dump: {dumped}"
    assert len(held) > 3, held
    return f"{len(held)} mappings"
