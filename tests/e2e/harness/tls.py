# SPDX-License-Identifier: Apache-2.0
"""Clients of TLS whose octets can be cut anywhere: the records, by what is written
at once, and the segments, by what is handed to the kernel at once."""

import random
import select
import socket
import ssl
import struct

from . import namespace
from .encrypted import CERTIFICATE, KEY, NAME
from .process import PATIENCE

READ = 1 << 16


def context(authority, alpn=(), version=None, **attributes):
    """Of a client. version: ssl.TLSVersion, no other. attributes: of the SSLContext."""
    made = ssl.create_default_context(cafile=authority.certificate)
    if alpn:
        made.set_alpn_protocols(alpn)
    if version:
        made.minimum_version = made.maximum_version = version
    for key, value in attributes.items():
        setattr(made, key, value)
    return made


def server_context(alpn=()):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(CERTIFICATE, KEY)
    if alpn:
        made.set_alpn_protocols(alpn)
    return made


class Stream:
    """One TLS connection, from the client's side.

    Plaintext is written record by record; the octets that come of it wait in `sealed`
    until flush() hands some of them to the kernel. Nothing here waits but open().
    """

    def __init__(self, address, port, context, session=None, source=None):
        self.how = address, port, context, session, source
        sources = namespace.CLIENTS6 if ":" in address else namespace.CLIENTS4
        self.socket = socket.create_connection(
            (address, port), PATIENCE, (source or sources[-1], 0))
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.asker = self.socket.getsockname()[:2]
        self.answerer = self.socket.getpeername()[:2]
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, session=session,
                                    server_hostname=NAME)
        self.sealed, self.held, self.ready, self.ended = b"", [], False, False
        self.total = 0   # octets that were sealed
        self.hellos = 0  # of ours: 2 if the server has asked for another
        self.used = False  # something was said in the clear
        self._shake()

    def fileno(self):
        return self.socket.fileno()

    def _shake(self):
        try:
            self.tls.do_handshake()
            self.ready = True
        except ssl.SSLWantReadError:
            pass
        self._seal()

    def _seal(self):
        octets = self.outgoing.read()
        self.sealed += octets
        self.total += len(octets)
        while octets:  # a record (RFC 8446 5.1), of a handshake (22), a hello (1)
            self.hellos += octets[0] == 22 and octets[5] == 1
            octets = octets[5 + int.from_bytes(octets[3:5], "big"):]

    def write(self, octets):
        """As records of their own; later, while half a ticket has come."""
        self.used = True
        self.held.append(octets)
        self._push()

    def _push(self):
        try:
            while self.held:
                self.tls.write(self.held[0])
                self.held.pop(0)
        except ssl.SSLWantReadError:
            pass
        self._seal()

    def flush(self, size=None):
        """Hands over at most so many octets. Returns if some are left."""
        if self.sealed:
            try:
                self.sealed = self.sealed[self.socket.send(self.sealed[:size]):]
            except BlockingIOError:
                pass
            except ConnectionError:
                self.sealed = b""  # nobody will read it; read() tells
        return bool(self.sealed)

    def read(self):
        """What has come, in the clear. At the end of the stream, `ended` is set."""
        try:
            octets = self.socket.recv(READ)
        except BlockingIOError:
            return b""
        except ConnectionError:
            octets = b""
        if not octets:
            self.ended = True
            return b""
        self.incoming.write(octets)
        if not self.ready:
            self._shake()
        return self._plain() if self.ready else b""

    def _plain(self):
        plain = b""
        try:
            while piece := self.tls.read(READ):
                plain += piece
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            pass  # an alert: the end of the socket is to come
        self._push()
        return plain

    def wait(self, seconds=PATIENCE):
        """Until there is something to read."""
        assert select.select([self.socket], [], [], seconds)[0], (
            f"{self.answerer[0]} says nothing")

    def open(self):
        """Waits for the end of the handshake. Returns itself."""
        while not self.ready:
            self.flush()
            self.wait()
            assert not self.read() and not self.ended, "no handshake"
        while self.flush():
            pass
        return self

    def notify(self):
        """Writes the alert that nothing more will come (RFC 8446 6.1)."""
        try:
            self.tls.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLError):
            pass
        self._seal()

    def drain(self):
        """Reads until the other end has ended. Returns what came."""
        plain = b""
        while not self.ended:
            self.wait()
            plain += self.read()
        self.socket.close()
        return plain


def _flushed(stream):
    while stream.flush():
        select.select([], [stream.socket], [], PATIENCE)


def _notify(stream):
    stream.notify()
    _flushed(stream)
    _fin(stream)


def _fin(stream):
    try:
        stream.socket.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other end was faster
    stream.drain()


def _close(stream):
    stream.socket.close()


def _reset(stream):
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
    stream.socket.close()


def _half_message(stream):
    stream.write(b"\0")
    stream.write(b"\x40half of it")
    _flushed(stream)
    _notify(stream)


def _half_record(stream):
    stream.write(b"\0\x20" + bytes(0x20))
    stream.sealed = stream.sealed[:-1]
    _flushed(stream)
    stream.socket.close()


# How a client leaves.
ENDS = {"notify": _notify, "fin": _fin, "close": _close, "reset": _reset,
        "half a message": _half_message, "half a record": _half_record}
ORDERLY = ("notify", "half a message")
# At most so many octets are handed to the kernel at once.
SEGMENTS = {"whole": None, "short": 50, "octets": 1}


class Player:
    """What one connection says and hears; the base of those that speak DNS.

    segment: at most so many octets are handed to the kernel at once; None: all.
    end: a name of ENDS.
    """

    again = False  # connects anew if it is hung up on before it has said anything

    def __init__(self, stream, segment=None, end="notify"):
        self.stream, self.segment, self.end = stream, segment, end

    def next(self):
        """Writes to the stream what is to come now, if anything is."""

    def heard(self, octets):
        """In the clear."""

    def done(self):
        """Is all said and heard?"""
        raise NotImplementedError

    def leave(self):
        ENDS[self.end](self.stream)

    def speak(self, random):
        """Hands some octets to the kernel. Returns if there were any."""
        if self.stream.ready and not self.stream.sealed and not self.stream.held:
            self.next()
        if not self.stream.sealed:
            return False
        self.stream.flush(self.segment and random.randint(1, self.segment))
        return True

    def listen(self):
        """Returns whether it had to connect anew."""
        self.heard(self.stream.read())
        if not self.stream.ended or self.done():
            return False
        assert self.again and not self.stream.used, (
            f"{self.stream.answerer} hung up on {self.stream.asker}: {self}")
        self.stream.socket.close()
        self.stream = Stream(*self.stream.how)
        return True


def play(players, seed):
    """All speak at once, in an order that the seed decides, until each is done; it
    leaves then, while others go on."""
    draw, active = random.Random(seed), {one.stream.fileno(): one for one in players}
    poll = select.epoll()
    for fd in active:
        poll.register(fd, select.EPOLLIN)
    while active:
        turns = list(active.values())
        draw.shuffle(turns)
        spoke = [player.speak(draw) for player in turns]
        events = poll.poll(0 if any(spoke) else PATIENCE)
        assert events or any(spoke), f"no answers: {turns}"
        for fd, _ in events:
            player = active[fd]
            if player.listen():
                active.pop(fd)
                active[player.stream.fileno()] = player
                poll.register(player.stream.fileno(), select.EPOLLIN)
            elif player.done():
                poll.unregister(fd)
                active.pop(fd).leave()
    poll.close()
