# SPDX-License-Identifier: Apache-2.0
"""What crossed the loopback: every DNS message, from a packet socket.

The kernel stamps and keeps the packets; they are read when asked for. A packet
that the socket had to drop is an error, for then nothing can be proved.
"""

import ctypes
import ipaddress
import select
import socket
import struct
from dataclasses import dataclass, replace

from . import dns

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
SOL_PACKET, PACKET_STATISTICS, PACKET_IGNORE_OUTGOING = 263, 6, 23
SO_TIMESTAMPNS, SO_RCVBUFFORCE, SO_ATTACH_FILTER = 35, 33, 26
ICMP, TCP, UDP, IPV6_FRAGMENT, ICMPV6 = 1, 6, 17, 44, 58
# Type and code of "port unreachable" (RFC 792, RFC 4443 3.1).
UNREACHABLE = {ICMP: b"\3\3", ICMPV6: b"\1\4"}
BUFFER = 1 << 28  # octets; an empty packet takes about 800 of them
LONGEST = 1 << 18
FIN, SYN, RST = 1, 2, 4


@dataclass(frozen=True)
class Message:
    time: int  # ns since the epoch; of a TCP message, of its last octet
    protocol: str  # "UDP" or "TCP"
    source: str
    source_port: int
    target: str
    target_port: int
    payload: bytes
    refused: bool = False  # it came to a port that no socket had any more


class Fragments:
    """IP datagrams in pieces, until they are whole (RFC 791, RFC 8200 4.5)."""

    def __init__(self):
        self.pieces = {}

    def add(self, key, offset, more, data):
        """Returns the datagram's payload once all of it is there."""
        pieces = self.pieces.setdefault(key, {})
        pieces[offset] = (data, more)
        whole = b""
        while len(whole) in pieces:
            piece, more = pieces[len(whole)]
            whole += piece
            if not more:
                del self.pieces[key]
                return whole
        return None


class Stream:
    """One direction of one TCP connection, cut into messages."""

    def __init__(self):
        self.next = None  # sequence number
        self.ahead = {}
        self.buffer = b""

    def add(self, sequence, flags, data):
        """Returns the messages that these octets complete."""
        if flags & SYN:
            self.__init__()
            self.next = (sequence + 1) & 0xFFFFFFFF
            sequence = self.next
        if self.next is None or not data:
            return []
        self.ahead[sequence] = data
        while (piece := self._take()) is not None:
            self.buffer += piece
        messages, self.buffer = dns.framed(self.buffer)
        return messages

    def _take(self):
        """The next octets in order, repeated ones left out."""
        for sequence, data in self.ahead.items():
            behind = (self.next - sequence) & 0xFFFFFFFF
            if behind < 1 << 31:
                del self.ahead[sequence]
                piece = data[behind:]
                self.next = (self.next + len(piece)) & 0xFFFFFFFF
                return piece
        return None


def _ends(addresses, ports):
    return [(str(ipaddress.ip_address(address)), port)
            for address, port in zip(addresses, ports)]


class Recorder:
    """Records from its creation on; messages() tells what was seen so far."""

    def __init__(self, port=53):
        self.port = port
        self.seen = []
        self.fragments = Fragments()
        self.streams = {}
        self.in_syn = 0  # SYNs that carried data: RFC 7413
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.setblocking(False)
        self.socket.bind(("lo", ETH_P_ALL))

    def leave_out(self, port):
        """Datagrams to this port over IPv4 are not recorded from now on: a flood of
        which no message is looked at."""
        program = [(0x30, 0, 0, 0), (0x54, 0, 0, 0xf0), (0x15, 0, 6, 0x40),  # IPv4
                   (0x30, 0, 0, 9), (0x15, 0, 4, UDP),
                   (0xb1, 0, 0, 0), (0x48, 0, 0, 2), (0x15, 0, 1, port),
                   (0x06, 0, 0, 0), (0x06, 0, 0, 0xffffffff)]
        self._attach(program)

    def leave_out_streams(self, ports):
        """Nor what comes over TCP from or to these ports: it is encrypted."""
        n = len(ports)
        ends = [[(0x48, 0, 0, end), *(
            (0x15, steps - number, 0, port) for number, port in enumerate(ports))]
            for end, steps in ((0, 2 * n + 1), (2, n))]
        self._attach([
            (0x30, 0, 0, 0), (0x54, 0, 0, 0xf0), (0x15, 0, 4, 0x40),
            (0x30, 0, 0, 9), (0x15, 0, 2 * n + 7, TCP), (0xb1, 0, 0, 0),  # IPv4
            (0x05, 0, 0, 3),
            (0x30, 0, 0, 6), (0x15, 0, 2 * n + 3, TCP), (0x01, 0, 0, 40),  # IPv6
            *ends[0], *ends[1], (0x06, 0, 0, 0xffffffff), (0x06, 0, 0, 0)])

    def _attach(self, program):
        code = ctypes.create_string_buffer(b"".join(
            struct.pack("HBBI", *step) for step in program))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack(
            "HxxxxxxP", len(program), ctypes.addressof(code)))

    def quiet(self, seconds=0.3):
        """Until nothing has crossed for so long."""
        while select.select([self.socket], [], [], seconds)[0]:
            self.messages()

    def messages(self):
        while True:
            try:
                packet, control, flags, origin = self.socket.recvmsg(LONGEST, 64)
            except BlockingIOError:
                break
            assert not flags & socket.MSG_TRUNC, "packet longer than expected"
            seconds, nanoseconds = struct.unpack("qq", control[0][2])
            self._packet(origin[1], packet, seconds * 10**9 + nanoseconds)
        statistics = self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        dropped = struct.unpack("II", statistics)[1]
        assert dropped == 0, f"the recorder lost {dropped} packets"
        return self.seen

    def _packet(self, ethertype, packet, time):
        if ethertype == ETH_P_IP:
            self._ipv4(packet, time)
        elif ethertype == ETH_P_IPV6:
            self._ipv6(packet, time)

    def _ipv4(self, packet, time):
        start, end = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
        ident, fragment = struct.unpack_from("!HH", packet, 4)
        addresses, data = (packet[12:16], packet[16:20]), packet[start:end or None]
        if fragment & 0x3FFF:
            data = self.fragments.add((addresses, ident, packet[9]),
                                      (fragment & 0x1FFF) * 8, fragment & 0x2000, data)
        self._transport(packet[9], addresses, data, time)

    def _ipv6(self, packet, time):
        addresses, data = (packet[8:24], packet[24:40]), packet[40:]
        protocol = packet[6]
        if protocol == IPV6_FRAGMENT:
            protocol, _, fragment, ident = struct.unpack_from("!BBHI", data)
            data = self.fragments.add((addresses, ident, protocol),
                                      fragment & 0xFFF8, fragment & 1, data[8:])
        self._transport(protocol, addresses, data, time)

    def _transport(self, protocol, addresses, data, time):
        if data is None or protocol not in (TCP, UDP):
            if data and data.startswith(UNREACHABLE.get(protocol, b"-")):
                self._refused(protocol, data[8:])
            return
        ports = struct.unpack_from("!HH", data)
        if self.port not in ports:
            return
        ends = _ends(addresses, ports)
        if protocol == UDP:
            length = int.from_bytes(data[4:6], "big")
            assert length == len(data), "several datagrams in one packet"
            self._message(time, "UDP", *ends, data[8:])
            return
        sequence, start, flags = struct.unpack_from("!I4xBB", data, 4)
        stream = self.streams.setdefault(tuple(ends), Stream())
        self.in_syn += bool(flags & SYN and len(data) > (start >> 4) * 4)
        for payload in stream.add(sequence, flags, data[(start >> 4) * 4:]):
            self._message(time, "TCP", *ends, payload)

    def _refused(self, protocol, packet):
        """A datagram whose beginning the kernel has sent back."""
        if protocol == ICMP:
            kind, addresses = packet[9], (packet[12:16], packet[16:20])
            packet = packet[(packet[0] & 15) * 4:]
        else:
            kind, addresses, packet = packet[6], (packet[8:24], packet[24:40]), packet[40:]
        if kind != UDP:
            return
        source, target = _ends(addresses, struct.unpack_from("!HH", packet))
        for place in range(len(self.seen) - 1, -1, -1):
            one = self.seen[place]
            if (one.protocol == "UDP" and not one.refused
                    and (one.source, one.source_port) == source
                    and (one.target, one.target_port) == target
                    and one.payload.startswith(packet[8:])):
                self.seen[place] = replace(one, refused=True)
                return

    def _message(self, time, protocol, source, target, payload):
        self.seen.append(Message(time, protocol, *source, *target, payload))


class Counter:
    """Counts what crosses the loopback without looking at it: no packet is too
    many, for those that the socket has no room for are counted as well."""

    def __init__(self):
        self.packets = 0
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self.socket.bind(("lo", ETH_P_ALL))

    def count(self):
        statistics = self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self.packets += struct.unpack("II", statistics)[0]  # which resets them
        return self.packets
