# SPDX-License-Identifier: Apache-2.0
"""Clients of DNS over HTTPS (RFC 8484), over HTTP/2 and HTTP/1.1, that record what
they send and get."""

import base64
import random
import re
import subprocess

import h2.config
import h2.connection
import h2.events

from . import dns, encrypted, tls
from .process import LeftOut
from .zone import NAMES

TYPE = "application/dns-message"
WHOLE = 1 << 14
FRAMES = 8  # that a body is cut into, at most


def queries(count, seed, longest=1500):
    """With an id of 0, as RFC 8484 4.1 wants it; so no two have the same question.
    longest: the octets that they are padded with, at most."""
    draw = random.Random(seed)
    for number in range(count):
        name = f"x{number}.{draw.choice(('', 'wild.', 'big.'))}{draw.choice(NAMES)}"
        if draw.random() < 0.3:
            name = f"x{number}.{draw.choice(('wild', 'big'))}.test"
        message = dns.query(0, name, draw.choice(("A", "AAAA", "TXT")),
                            rd=draw.random() < 0.5, size=4096)
        yield dns.padded(message, draw.choice((0, 1, 100, longest)))


def encoded(message):
    return base64.urlsafe_b64encode(message).rstrip(b"=").decode()


def cut(body, draw, most=FRAMES):
    """Into at least one piece, of which any may be empty."""
    places = sorted(draw.randint(0, len(body)) for _ in range(draw.randrange(most)))
    return [body[begin:end] for begin, end in zip([0, *places], [*places, len(body)])]


class Asker(tls.Player):
    """Asks these messages, some by GET, several at a time; all are answered."""

    SIZES = 1, 20, 1000, WHOLE  # of a record's octets

    def __init__(self, stream, record, messages, window=6, **how):
        super().__init__(stream, **how)
        self.record, self.messages, self.window = record, list(messages), window
        self.random = random.Random(stream.asker[1])
        self.octets = b""  # to be written
        self.asked = {}    # what names the request → the query's fact

    def next(self):
        if not self.octets:
            self.step()
        size = self.random.choice(self.SIZES)
        if self.octets:
            self.stream.write(self.octets[:size])
            self.octets = self.octets[size:]

    def step(self):
        """Adds to `octets` what comes next, if anything does."""
        raise NotImplementedError

    def query(self, message):
        return self.record.query("DOH", self.stream.asker, self.stream.answerer,
                                 message)

    def __repr__(self):
        return f"{len(self.messages)} to ask, {len(self.asked)} not answered"


class Http2(Asker):
    """Streams interleave; bodies come in frames, some of them padded or empty."""

    ALPN = ["h2"]

    def __init__(self, *arguments, plain=False, **how):
        """plain: a body is one frame of one record, and comes right after its head."""
        super().__init__(*arguments, **how)
        self.bodies_at_once, self.frames = (1, 1) if plain else (self.window, FRAMES)
        self.SIZES = (WHOLE,) if plain else self.SIZES
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(
            header_encoding="utf-8"))
        self.http.initiate_connection()
        self.bodies = {}  # stream → the pieces that are still to be sent
        self.whole = {}   # stream → message
        self.heads, self.got = {}, {}
        self.answered = False  # any of them

    def step(self):
        # named takes a client for a flood that has said 1,536 octets of which none is
        # DNS, so the first query comes alone.
        window = self.window if self.answered else 1
        free = (len(self.bodies) + len(self.asked) < window
                and len(self.bodies) < self.bodies_at_once)
        if self.messages and free and (not self.bodies or self.random.random() < 0.5):
            self._begin(self.messages.pop())
        elif self.bodies:
            self._continue(self.random.choice(list(self.bodies)))
        self.octets += self.http.data_to_send()

    def _begin(self, message):
        number = self.http.get_next_available_stream_id()
        get = self.random.random() < 0.3
        path = f"{encrypted.PATH}?dns={encoded(message)}" if get else encrypted.PATH
        headers = [(":method", "GET" if get else "POST"), (":scheme", "https"),
                   (":authority", encrypted.NAME), (":path", path), ("accept", TYPE)]
        if get:
            self.asked[number] = self.query(message)
        else:
            headers += [("content-type", TYPE), ("content-length", str(len(message)))]
            self.bodies[number] = cut(message, self.random, self.frames)
            self.whole[number] = message
        self.http.send_headers(number, headers, end_stream=get)
        if self.random.random() < 0.1:
            self.http.ping(bytes(8))

    def _continue(self, number):
        piece = self.bodies[number].pop(0)
        last = not self.bodies[number]
        if last:
            del self.bodies[number]
            self.asked[number] = self.query(self.whole.pop(number))
        padding = self.random.choice((None, None, 0, 7, 255))
        self.http.send_data(number, piece, end_stream=last, pad_length=padding)

    def heard(self, octets):
        for event in self.http.receive_data(octets) if octets else ():
            if isinstance(event, h2.events.ResponseReceived):
                self.heads[event.stream_id] = dict(event.headers)
                self.got[event.stream_id] = b""
            elif isinstance(event, h2.events.DataReceived):
                self.got[event.stream_id] += event.data
                self.http.acknowledge_received_data(event.flow_controlled_length,
                                                    event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self._answer(event.stream_id)
            else:
                assert not isinstance(event, (h2.events.StreamReset,
                                              h2.events.ConnectionTerminated)), event
        self.octets += self.http.data_to_send()

    def _answer(self, number):
        head, body = self.heads.pop(number), self.got.pop(number)
        assert head[":status"] == "200" and head["content-type"] == TYPE, (head, body)
        self.record.response(self.asked.pop(number), body)
        self.answered = True

    def done(self):
        return not (self.messages or self.bodies or self.asked)


class Http1(Asker):
    """Requests one after the other on a connection, some before the last is answered;
    bodies of a known length, or in chunks (RFC 9112 7.1)."""

    ALPN = ["http/1.1"]

    def __init__(self, *arguments, chunked=True, pipelined=True, **how):
        super().__init__(*arguments, **how)
        self.chunked, self.window = chunked, self.window if pipelined else 1
        self.buffer, self.numbers = b"", 0

    def step(self):
        if not self.messages or len(self.asked) >= self.window:
            return
        message, draw = self.messages.pop(), self.random.random()
        self.numbers += 1
        self.asked[self.numbers] = self.query(message)
        if draw < 0.3:
            self.octets = self.head("GET", f"?dns={encoded(message)}")
        elif draw < 0.6 and self.chunked:
            self.octets = self.head("POST", "", f"Content-Type: {TYPE}",
                                     "Transfer-Encoding: chunked") + b"".join(
                b"%x\r\n%s\r\n" % (len(piece), piece)
                for piece in [*filter(None, cut(message, self.random)), b""])
        else:
            self.octets = self.head("POST", "", f"Content-Type: {TYPE}",
                                     f"Content-Length: {len(message)}") + message

    def head(self, method, query, *lines):
        return "\r\n".join((f"{method} {encrypted.PATH}{query} HTTP/1.1",
                            f"Host: {encrypted.NAME}", f"Accept: {TYPE}", *lines,
                            "", "")).encode()

    def heard(self, octets):
        self.buffer += octets
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            lines = head.decode().lower().split("\r\n")
            fields = dict(line.split(": ", 1) for line in lines[1:])
            size = int(fields["content-length"])
            if len(rest) < size:
                return
            assert lines[0].split()[1] == "200", (head, rest)
            number = min(self.asked)
            self.record.response(self.asked.pop(number), rest[:size])
            self.buffer = rest[size:]

    def done(self):
        return not (self.messages or self.asked or self.octets)


def want_http1():
    """From 1.9 on dnsdist mostly comes with nghttp2 alone, which has none."""
    features = subprocess.run(["dnsdist", "--version"], text=True, check=True,
                              capture_output=True).stdout
    if re.search(r"(?<!outgoing-)dns-over-https\(nghttp2\)", features):
        raise LeftOut("this dnsdist has no HTTP/1")


def ask(scene, count, seed, connections, asker=Http2, port=encrypted.DOH, **how):
    """Over so many connections, which are cut and end in every way."""
    made = tls.context(scene.authority, alpn=asker.ALPN)
    ends = tls.ORDERLY if scene.name in encrypted.NEEDS_AN_END else list(tls.ENDS)
    addresses, asked = scene.server.addresses, list(
        queries(count, seed, encrypted.LONGEST.get(scene.name, 1500)))
    players = []
    for number in range(connections):
        stream = tls.Stream(addresses[number % len(addresses)], port, made)
        players.append(asker(
            stream, scene.record, asked[number::connections],
            end=ends[number % len(ends)],
            segment=list(tls.SEGMENTS.values())[number // 2 % len(tls.SEGMENTS)], **how))
    tls.play(players, seed)
