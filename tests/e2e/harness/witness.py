# SPDX-License-Identifier: Apache-2.0
"""What crossed the sockets of a server, as host/witness.c wrote it down: what
the kernel gave to it and took from it, which the wire alone does not tell."""

import ipaddress
import struct
from collections import defaultdict
from dataclasses import dataclass

from . import dns, host, namespace
from .wire import Message

PATH = f"{namespace.ROOM}/witness"
RECORD = struct.Struct("=IIQQQI??2x28s28s")
INET, INET6 = 2, 10


def preload(library):
    """The environment that puts the witness in front of the library."""
    program = host.build("witness", "-shared", "-fPIC", to="witness.so")
    return {"LD_PRELOAD": f"{program}:{library}", "WITNESS": PATH}


@dataclass(frozen=True)
class Call:
    """What one call, or one entry of its vector, carried."""

    inode: int
    began: int  # ns since the epoch
    ended: int
    cut: int  # octets that the kernel is known to have discarded
    sent: bool
    stream: bool
    local: tuple  # (address, port); None: not known
    remote: tuple
    octets: bytes

    @property
    def time(self):
        """When it counts: before a send, after a reception."""
        return self.began if self.sent else self.ended

    def source(self):
        return self.local if self.sent else self.remote

    def target(self):
        return self.remote if self.sent else self.local


def _end(name):
    family, port = struct.unpack_from("=H", name)[0], name[2:4]
    if family not in (INET, INET6):
        return None
    raw = name[4:8] if family == INET else name[8:24]
    address = ipaddress.ip_address(raw)
    return (str(getattr(address, "ipv4_mapped", None) or address),
            int.from_bytes(port, "big"))


def calls(port=53):
    """Those on sockets with this port at either end, in their order."""
    found = []
    with open(PATH, "rb") as file:
        used, = struct.unpack("=Q", file.read(8))
        data = file.read(used)
    at = 0
    while at < used:
        size, length, inode, began, ended, cut, sent, stream, local, remote = \
            RECORD.unpack_from(data, at)
        assert size, "a call that the witness has not finished with"
        octets = data[at + RECORD.size:at + RECORD.size + length]
        ends = _end(local), _end(remote)
        if any(end and end[1] == port for end in ends):
            found.append(Call(inode, began, ended, cut, sent, stream, *ends, octets))
        at += size
    return found


class Side:
    """One direction of one TCP connection, as the host saw it."""

    def __init__(self):
        self.calls = []  # (call, the messages that it completed)
        self.buffer = b""

    def add(self, call):
        messages, self.buffer = dns.framed(self.buffer + call.octets)
        self.calls.append((call, [Message(call.time, "TCP", *call.source(),
                                          *call.target(), message)
                                  for message in messages]))


def sides(all_calls):
    """(inode, sent) → Side."""
    found = defaultdict(Side)
    for call in all_calls:
        if call.stream and call.octets:
            found[call.inode, call.sent].add(call)
    return found
