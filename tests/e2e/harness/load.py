# SPDX-License-Identifier: Apache-2.0
"""Queries: thousands of mixed ones, the same for the same seed."""

import itertools
import random
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass

from . import dns, namespace
from .process import PATIENCE, until
from .zone import NAMES

WINDOW = 32  # queries under way at once; a server's socket buffer holds more


@dataclass(frozen=True)
class Query:
    message: bytes
    sure: bool  # every server answers it
    header: bytes = b""  # of a proxy, before a datagram


class Mix:
    """An endless supply of queries, `odd` of a hundred being strange ones."""

    def __init__(self, seed, odd=10):
        self.random, self.odd, self.count = random.Random(seed), odd, 0

    def next(self):
        self.count += 1
        ident = self.count & 0xFFFF  # never twice within one window
        if self.random.randrange(100) < self.odd:
            return Query(self._strange(ident), False)
        return Query(self._plain(ident), True)

    def _plain(self, ident, prefix=""):
        draw = self.random
        name = prefix + draw.choice(NAMES)
        if draw.random() < 0.2:
            name = f"x{draw.randrange(10**6)}.{name}"
        name = "".join(draw.choice((c.lower(), c.upper())) for c in name)
        return dns.query(
            ident, name, draw.choice(("A", "A", "AAAA", "MX", "TXT", "NS", "SOA")),
            rd=draw.random() < 0.5, size=draw.choice((0, 0, 512, 1232, 4096)),
            do=draw.random() < 0.3)

    def _strange(self, ident):
        """At most 512 octets: some servers offer no more room to the kernel. And
        counts that such a message can hold: others make a stream no DNS."""
        draw = self.random
        # A question that no other query asks: forwarders merge equal ones.
        message = self._plain(ident, f"odd{self.count}.")
        header = message[:2] + draw.randbytes(2) + bytes(
            octet for _ in range(4) for octet in (0, draw.randrange(3)))
        return draw.choice((
            lambda: message[:12],
            lambda: message[:draw.randrange(12, len(message))],
            lambda: message[:draw.randrange(0, 12)],
            lambda: message + draw.randbytes(draw.randrange(1, 400)),
            lambda: header + message[12:],
            lambda: header + draw.randbytes(draw.randrange(0, 500)),
            lambda: message[:12] + b"\xc0\x0c" + message[12:],
            lambda: message[:4] + b"\0\2" + message[6:],
            lambda: message[:2] + bytes([message[2] | 0x80]) + message[3:],
            lambda: dns.query(ident, "test", "SOA", opcode=dns.NOTIFY),
            lambda: dns.query(ident, "test", "SOA", opcode=dns.UPDATE),
            lambda: dns.query(ident, "test", "A", rd=True, opcode=dns.STATUS),
            lambda: dns.query(ident, "elsewhere.example", "ANY", rd=True),
        ))()


class Clients:
    """UDP sockets at several addresses, asking one server."""

    def __init__(self, server, sources):
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        self.server, self.sockets = (server, 53), []
        for source in sources:
            client = socket.socket(family, socket.SOCK_DGRAM)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            client.bind((source, 0))
            self.sockets.append(client)
        self.poll = select.poll()
        for client in self.sockets:
            self.poll.register(client, select.POLLIN)
        self.by_fd = {client.fileno(): client for client in self.sockets}

    def ask(self, queries):
        """Sends them all; returns the answers of the sure ones, in order."""
        missing, answers = {}, {}
        for at, query in enumerate(queries):
            client = self.sockets[at % len(self.sockets)]
            if query.sure:
                missing[client.fileno(), dns.ident(query.message)] = query
            client.sendto(query.header + query.message, self.server)
        order, deadline = list(missing), time.monotonic() + PATIENCE
        while missing:
            left = deadline - time.monotonic()
            assert left > 0, f"{self.server[0]} does not answer: " + ", ".join(
                dns.describe(query.message) for query in missing.values())
            for fd, _ in self.poll.poll(left * 1000):
                answer = self.by_fd[fd].recv(65535)
                if missing.pop((fd, dns.ident(answer)), None):
                    answers[fd, dns.ident(answer)] = answer
        return [answers[key] for key in order]

    def close(self):
        for client in self.sockets:
            client.close()


def clients(address):
    sources = namespace.CLIENTS6 if ":" in address else namespace.CLIENTS4
    return Clients(address, sources)


def udp(addresses, count, mix):
    """`count` queries to each address in turn. Returns the sure ones' answers."""
    answers = []
    for address in addresses:
        asking = clients(address)
        for start in range(0, count, WINDOW):
            size = min(WINDOW, count - start)
            answers += asking.ask([mix.next() for _ in range(size)])
        asking.close()
    return answers


def framed(queries):
    """RFC 1035 4.2.2."""
    return b"".join(struct.pack("!H", len(query.message)) + query.message
                    for query in queries)


# How the octets of one connection's queries are handed to the kernel.
PIECES = {
    "pipelined": lambda queries: [framed(queries)],
    "one by one": lambda queries: [framed([query]) for query in queries],
    "length apart": lambda queries: [
        part for query in queries
        for part in (framed([query])[:2], query.message)],
    "octets": lambda queries: [bytes([octet]) for octet in framed(queries)],
    "thirds": lambda queries: _parts(framed(queries), 3),
}


def _parts(data, count):
    size = len(data) // count + 1
    return [data[at:at + size] for at in range(0, len(data), size)]


def spoof(source, target, message, count=1):
    """`count` datagrams that say they come from `source`; both are pairs of an
    IPv4 address and a port (RFC 791, RFC 768; the kernel adds what is 0)."""
    udp = struct.pack("!4H", source[1], target[1], 8 + len(message), 0) + message
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0,
                     *map(socket.inet_aton, (source[0], target[0])))
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for _ in range(count):
            raw.sendto(ip + udp, (target[0], 0))


def _checksum(octets):
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets[:len(octets) & ~1]))
    total += octets[-1] << 8 if len(octets) % 2 else 0
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def syn(source, target, octets):
    """The first segment of a connection, with these octets and a request for a cookie
    (RFC 9293, RFC 7413); there is no other. Both are pairs as above."""
    addresses = b"".join(map(socket.inet_aton, (source[0], target[0])))
    options = bytes([34, 2, 1, 1])
    head = struct.pack("!HHIIBBH", source[1], target[1], 1, 0, 6 << 4, 2, 1 << 15)
    rest = struct.pack("!H", 0) + options + octets
    size = len(head) + 2 + len(rest)
    checked = addresses + struct.pack("!HH", socket.IPPROTO_TCP, size) + head + b"\0\0" + rest
    segment = head + struct.pack("!H", _checksum(checked)) + rest
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_TCP, 0) + addresses
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(ip + segment, (target[0], 0))


class Connection:
    """One TCP connection, with every piece in a segment of its own."""

    def __init__(self, address, source=None):
        sources = namespace.CLIENTS6 if ":" in address else namespace.CLIENTS4
        self.socket = socket.create_connection((address, 53), PATIENCE,
                                               (source or sources[-1], 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, pieces):
        for piece in pieces:
            self.socket.sendall(piece)

    def answer(self):
        """The next message, or None at the end of the stream."""
        while True:
            end = 2 + int.from_bytes(self.buffer[:2], "big")
            if len(self.buffer) >= max(end, 2):
                message, self.buffer = self.buffer[2:end], self.buffer[end:]
                return message
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                return None
            if not data:
                return None
            self.buffer += data

    def drain(self, pieces=()):
        """Sends these, ends our side and waits for the server to end its own."""
        try:
            self.send(pieces)
            self.socket.shutdown(socket.SHUT_WR)
            while self.answer() is not None:
                pass
        except OSError:
            pass  # reset, or a server that keeps half-closed connections
        self.socket.close()


def tcp(addresses, count, mix, batch=10):
    """`count` queries to each address, in every style. A strange query, which
    may cost it the connection, travels alone; nsd hangs up on the length of one
    of less than 17 octets, so that nobody reads it."""
    styles = itertools.cycle(PIECES.values())
    for address in addresses:
        for _ in range(0, count, batch):
            queries = [mix.next() for _ in range(batch)]
            _ask_tcp(address, [query for query in queries if query.sure],
                     next(styles))
            for query in queries:
                if not query.sure and len(query.message) >= 17:
                    Connection(address).drain(next(styles)([query]))


def _ask_tcp(address, queries, pieces):
    connection = Connection(address)
    connection.send(pieces(queries))
    missing = {dns.ident(query.message) for query in queries}
    while missing:
        answer = connection.answer()
        assert answer is not None, f"{address} hung up, {len(missing)} missing"
        missing.discard(dns.ident(answer))
    connection.drain()


class Steady:
    """Mixed queries over UDP and TCP without a pause, until it is left. Strange ones
    are not for a forwarder: of those that look alike it cannot be told, in the long
    run, which one an answer is for."""

    def __init__(self, addresses, seed, tcp=True, odd=10):
        self.addresses, self.mix, self.tcp = addresses, Mix(seed, odd), tcp
        self.rounds, self.ends, self.fault = 0, False, None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self.ends:
                self.round()
                self.rounds += 1
        except BaseException as fault:  # pylint: disable=broad-exception-caught
            self.fault = fault

    def round(self):
        udp(self.addresses, WINDOW, self.mix)
        if self.tcp:
            tcp(self.addresses, 10, self.mix)

    def __enter__(self):
        self.thread.start()
        return self

    def go_on(self, rounds=2):
        """Until so many more have been asked."""
        goal = self.rounds + rounds
        until(lambda: self.rounds >= goal or self.fault, "answers")
        assert not self.fault, self.fault

    def __exit__(self, *fault):
        self.ends = True
        self.thread.join(PATIENCE)
        assert fault[0] or not self.fault, self.fault


def truncated(addresses, count=40):
    """`count` queries to each address whose answers are mostly too long for UDP,
    and are then asked for over TCP (RFC 7766 5)."""
    for address in addresses:
        asking = clients(address)
        for ident in range(1, count + 1):
            query = Query(dns.query(ident, f"big{ident}.big.test", "TXT", rd=True,
                                    size=(0, 512, 1232, 4096)[ident % 4]), True)
            answer, = asking.ask([query])
            if dns.flags(answer) & dns.TC:
                _ask_tcp(address, [query], PIECES["pipelined"])
        asking.close()
