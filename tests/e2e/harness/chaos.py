# SPDX-License-Identifier: Apache-2.0
"""What anybody on the network may do to a server, while others are served."""

import heapq
import os
import random
import socket
import ssl
import struct
import threading
import time

from . import dns, load, namespace, servers

SEED = os.environ.get("CHAOS_SEED", "1")
ONLY = os.environ.get("CHAOS_ONLY", "").split()  # workers and kinds of words
UDP, SPOOFED = 300, 1000  # attempts a second
CONNECTIONS, AT_ONCE = 40, 20  # over TCP, likewise
ROUND = 0.02  # seconds between two looks at the rate
GIVEN_UP = 1  # seconds after which a client asks on
PATIENCE = 30  # seconds until an honest query must have been answered
SPOOFERS4 = [f"127.0.66.{last}" for last in range(1, 9)]
RESET = struct.pack("ii", 1, 0)  # SO_LINGER


def asking(upstream):
    """(address, port) of each UDP socket from which that server is asked."""
    with open("/proc/net/udp") as table:
        for row in list(table)[1:]:
            local, remote = (end.split(":") for end in row.split()[1:3])
            connected = servers._address(remote[0]) == upstream
            wildcard = int(local[0], 16) == 0
            if int(local[1], 16) != 53 and (connected or wildcard):
                yield ("127.0.0.1" if wildcard else servers._address(local[0]),
                       int(local[1], 16))


class Worker(threading.Thread):
    """Does its work until it is stopped, and raises in stop() what it met."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.draw, self.error = random.Random(f"{SEED} {seed}"), None
        self.ended = threading.Event()

    def run(self):
        try:
            self.work()
        except BaseException as error:
            self.error = error
            self.ended.set()

    def stop(self):
        self.ended.set()
        self.join()
        if self.error:
            raise self.error

    def rounds(self, rate):
        """How many are due, each round: attempts, for a machine may be slow."""
        began, done = time.monotonic(), 0
        while not self.ended.wait(ROUND):
            due = int((time.monotonic() - began) * rate) - done
            due = min(due, int(rate * ROUND) * 2 + 1)
            done += due
            yield due


class Honest(Worker):
    """Asks over UDP. What is not answered in the end, the kernel had no room for:
    at the server, or on the way to the one that it asks itself."""

    def __init__(self, addresses, seed="honest", patience=PATIENCE):
        super().__init__(seed)
        self.patience = patience  # 0: a server that reloads forgets queries
        self.clients = [load.clients(address) for address in addresses]
        self.mix = load.Mix(f"{SEED} {seed}", odd=0)
        self.open = {}  # (client, fd, ident) → (when it was sent, message)
        self.count = 0

    def work(self):
        for due in self.rounds(UDP):
            late = time.monotonic() - GIVEN_UP
            waiting = sum(when > late for when, _ in self.open.values())
            for _ in range(min(due, load.WINDOW - waiting)):
                self._ask()
            self._read()
        deadline = time.monotonic() + self.patience
        while self.open and time.monotonic() < deadline:
            if len(self.open) <= overflown():
                deadline = min(deadline, time.monotonic() + GIVEN_UP)
            time.sleep(ROUND)
            self._read()
        assert len(self.open) <= overflown() or not self.patience, "unanswered: " + ", ".join(
            dns.describe(message) for _, message in self.open.values())

    def _ask(self):
        at = self.draw.randrange(len(self.clients))
        client, query = self.clients[at], self.mix.next()
        fd = self.draw.choice(list(client.by_fd))
        self.count += 1
        self.open[at, fd, dns.ident(query.message)] = time.monotonic(), query.message
        client.by_fd[fd].sendto(query.message, client.server)

    def _read(self):
        for at, client in enumerate(self.clients):
            while ready := client.poll.poll(0):
                for fd, _ in ready:
                    answer = client.by_fd[fd].recv(65535)
                    self.open.pop((at, fd, dns.ident(answer)), None)


def overflown():
    """How many datagrams found a socket full."""
    count = 0
    with open("/proc/net/snmp") as four, open("/proc/net/snmp6") as six:
        names, values = [line.split() for line in four if line.startswith("Udp:")]
        count += int(values[names.index("RcvbufErrors")])
        count += sum(int(line.split()[1]) for line in six
                     if line.startswith("Udp6RcvbufErrors"))
    return count


class Spoofed(Worker):
    """Responses that nobody asked for: to the server's own port, and to those
    that it asks others from; also in the name of the server that it asks."""

    def __init__(self, addresses, upstream, seed="spoofed"):
        super().__init__(seed)
        self.addresses, self.upstream = addresses, upstream
        self.mix = load.Mix(f"{SEED} {seed}", odd=0)
        self.sockets = {4: [self._bound(address, port) for address in SPOOFERS4
                            for port in (0, 53)],
                        6: [self._bound("fd00::77", port) for port in (0, 53)]}
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.raw.setblocking(False)
        self.ephemeral = []
        self.count = 0

    @staticmethod
    def _bound(address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.bind((address, port))
        return made

    def work(self):
        for at, due in enumerate(self.rounds(SPOOFED)):
            if self.upstream and at % 10 == 0:
                self.ephemeral = list(asking(self.upstream))
            for _ in range(due):
                self._one()

    def _message(self):
        message = self.mix.next().message
        kind = self.draw.random()
        message = message[:2] + bytes([message[2] | 0x80]) + message[3:]
        if kind < 0.02:
            return message[:self.draw.randrange(1, 12)]
        if kind < 0.04:
            return message + self.draw.randbytes(self.draw.randrange(400, 6000))
        return message

    def _one(self):
        address, port = self.draw.choice(self.addresses), 53
        if self.ephemeral and self.draw.random() < 0.3:
            address, port = self.draw.choice(self.ephemeral)
            if self.draw.random() < 0.5:
                return self._in_the_name(address, port)
        sender = self.draw.choice(self.sockets[6 if ":" in address else 4])
        self._send(sender, (address, port), self._message())

    def _in_the_name(self, address, port):
        message = self._message()[:1200]
        ends = socket.inet_aton(self.upstream) + socket.inet_aton(address)
        size = 8 + len(message)
        packet = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 0, 0, 64, 17, 0) + ends
        packet += struct.pack("!HHHH", 53, port, size, 0) + message
        self._send(self.raw, (address, 0), packet)

    def _send(self, sender, where, octets):
        try:
            while True:
                sender.recv(65535)
        except OSError:
            pass
        try:
            sender.sendto(octets, where)
            self.count += 1
        except OSError:
            pass  # told of an earlier one's closed port


def client_hello():
    out = ssl.MemoryBIO()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(
            ssl.MemoryBIO(), out, server_hostname="host1.test").do_handshake()
    except ssl.SSLWantReadError:
        return out.read()


def frame(message, length=None):
    return struct.pack("!H", len(message) if length is None else length) + message


class Words:
    """What strangers say on a connection: pieces, each sent by itself."""

    def __init__(self, draw, seed):
        self.draw = draw
        self.mix = load.Mix(f"{SEED} {seed}", odd=20)
        self.sound = load.Mix(f"{SEED} {seed}", odd=0)
        self.sound.count = 1 << 15  # other ids

    def queries(self, most=6):
        return b"".join(frame(self.mix.next().message)
                        for _ in range(self.draw.randrange(1, most)))

    def cut(self, octets):
        places = sorted(self.draw.sample(
            range(len(octets) + 1), min(self.draw.randrange(4), len(octets))))
        return [octets[a:b] for a, b in zip([0, *places], [*places, len(octets)])
                if b > a]

    def counts(self):
        """A header that counts more than any message holds."""
        ident = self.sound.next().message[:2]
        header = frame(ident + bytes(2) + b"\xff" * 8, 5000)
        return [header, bytes(5000 - 12), *self.cut(self.queries())]

    def zeros(self):
        return self.cut(bytes(2 * self.draw.choice((1, 2, 30, 1500)))
                        + self.queries())

    def too_long(self):
        message = self.sound.next().message
        return self.cut(self.queries() + frame(
            message, len(message) + self.draw.randrange(1, 300)) + self.queries(20))

    def too_short(self):
        message = self.sound.next().message
        return self.cut(self.queries() + frame(
            message, self.draw.randrange(len(message))) + self.queries())

    def tiny(self):
        return self.cut(self.queries() + frame(
            self.sound.next().message[:self.draw.randrange(12)]) + self.queries())

    def large(self):
        message = self.sound.next().message
        message += self.draw.randbytes(self.draw.randrange(1000, 65536) - len(message))
        return self.cut(frame(message) + self.queries())

    def response(self):
        message = self.sound.next().message
        message = message[:2] + bytes([message[2] | 0x80]) + message[3:]
        return self.cut(frame(message) + self.queries())

    def foreign(self):
        return self.cut(self.draw.choice((
            b"GET / HTTP/1.1\r\nHost: host1.test\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", client_hello(),
            self.draw.randbytes(self.draw.randrange(1, 3000)))))

    def ordinary(self):
        return self.cut(self.queries(20))

    # How often each comes.
    KINDS = {"ordinary": 6, "counts": 1, "zeros": 1, "too_long": 1, "too_short": 1,
             "tiny": 1, "large": 1, "response": 1, "foreign": 2}

    def some(self):
        """A connection's pieces: at times cut off in the middle."""
        kinds = {kind: often for kind, often in self.KINDS.items()
                 if not ONLY or kind in ONLY}
        kind, = self.draw.choices(list(kinds), list(kinds.values()))
        pieces = getattr(self, kind)()
        if self.draw.random() < 0.2:
            octets = b"".join(pieces)
            return self.cut(octets[:self.draw.randrange(len(octets))])
        return pieces


class Stranger:
    """One connection, which does its next step when it is due."""

    def __init__(self, draw, address, pieces):
        self.draw = draw
        source = draw.choice(namespace.CLIENTS6 if ":" in address
                             else namespace.CLIENTS4)
        self.socket = socket.socket(socket.AF_INET6 if ":" in address
                                    else socket.AF_INET)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.socket.bind((source, 0))
        self.socket.connect_ex((address, 53))
        ending = draw.choice((self.reset, self.reset, self.close, self.half))
        self.steps = [lambda piece=piece: self.send(piece) for piece in pieces]
        self.steps += [self.drain] * draw.choice((0, 1, 5)) + [ending]

    def step(self):
        """Returns the seconds until the next, or None after the last."""
        try:
            self.steps.pop(0)()
        except BlockingIOError:
            pass  # the server does not read: what is left is lost
        except OSError:
            self.steps.clear()  # hung up on
        if self.steps:
            return self.draw.choice((0, 0, 0.001, 0.005, 0.02))
        self.socket.close()
        return None

    def send(self, piece):
        while piece:
            piece = piece[self.socket.send(piece):]

    def drain(self):
        while self.socket.recv(1 << 16):
            pass
        self.steps.clear()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def close(self):
        pass

    def half(self):
        """Ends its own side and waits for a while for the server to end its."""
        self.socket.shutdown(socket.SHUT_WR)
        self.steps = [self.drain] * 20 + [self.close]


class Strangers(Worker):
    """Many connections at once."""

    def __init__(self, addresses, seed="strangers"):
        super().__init__(seed)
        self.addresses = addresses
        self.words = Words(self.draw, seed)
        self.count = 0

    def work(self):
        due = []  # a heap of (when, number, stranger)
        for new in self.rounds(CONNECTIONS):
            for _ in range(min(new, AT_ONCE - len(due))):
                self.count += 1
                heapq.heappush(due, (time.monotonic(), self.count, Stranger(
                    self.draw, self.draw.choice(self.addresses), self.words.some())))
            self._steps(due)
        while due:
            self._steps(due)
            time.sleep(ROUND)

    @staticmethod
    def _steps(due):
        """Those that are due."""
        while due and due[0][0] <= time.monotonic():
            _, number, stranger = heapq.heappop(due)
            pause = stranger.step()
            if pause is not None:
                heapq.heappush(due, (time.monotonic() + pause, number, stranger))
