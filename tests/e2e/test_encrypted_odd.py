# SPDX-License-Identifier: Apache-2.0
"""Strange queries over TLS and HTTPS, by clients that say that they are done and go on
reading: what servers make of them is in the log, and what is no message is counted."""

import select
import socket

import h2.config
import h2.connection
import h2.events

from harness import dns, doh, encrypted, load, tls
from harness.collector import Collector
from harness.each import each
from harness.encrypted import DOH, DOT, EncryptedScene
from harness.metrics import Metrics
from harness.process import PATIENCE

QUERIES, LONGEST = 60, 512
# They hang up on the length of a shorter one, which nobody reads then.
SHORTEST = {("nsd", DOT): 17, ("unbound", DOT): dns.HEADER.size}
# It neither answers what it drops nor hangs up.
SILENT = {"kresd"}


class Strange(load.Mix):
    """Nothing but strange queries, no longer than the server reads."""

    def __init__(self, name, port, longest):
        super().__init__(name, odd=100)
        self.lengths = range(SHORTEST.get((name, port), 0), longest + 1)

    def next(self):
        while len((query := super().next()).message) not in self.lengths:
            pass
        return query


def flushed(stream):
    while stream.flush():
        select.select([], [stream.socket], [], PATIENCE)


def say(stream, pieces):
    for piece in pieces:
        stream.write(piece)
        flushed(stream)


def last(stream):
    """Says that nothing more will come. Returns what does come until the other end has
    ended, too."""
    stream.notify()
    flushed(stream)
    try:
        stream.socket.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other end was faster
    return stream.drain()


def meanwhile(address, mix):
    """Something else is asked and answered, so that there is time for an answer."""
    load.udp([address], 1, mix)


def first(stream):
    """Waits until the server has dealt with what was said. Returns the first of what
    it says to that: nothing, if it hangs up."""
    octets = b""
    while not octets and not stream.ended:
        stream.wait()
        octets = stream.read()
    return octets


def over_tls(scene, address, query, made, pieces, mix):
    stream = tls.Stream(address, DOT, made).open()
    fact = scene.record.query("DOT", stream.asker, stream.answerer, query.message)
    say(stream, pieces([query]))
    if scene.name in SILENT:
        meanwhile(address, mix)
    heard = b"" if scene.name in SILENT else first(stream)
    for answer in dns.framed(heard + last(stream))[0]:
        scene.record.response(fact, answer)


class Request:
    """One over HTTP/2, by GET or POST, which may be refused."""

    def __init__(self, message, get):
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(
            header_encoding="utf-8"))
        self.http.initiate_connection()
        path = f"{encrypted.PATH}?dns={doh.encoded(message)}" if get else encrypted.PATH
        headers = [(":method", "GET" if get else "POST"), (":scheme", "https"),
                   (":authority", encrypted.NAME), (":path", path), ("accept", doh.TYPE)]
        if not get:
            headers += [("content-type", doh.TYPE), ("content-length", str(len(message)))]
        self.http.send_headers(1, headers, end_stream=get)
        if not get:
            self.http.send_data(1, message, end_stream=True)
        self.http.ping(bytes(8))
        self.octets, self.seen, self.head, self.body = (
            self.http.data_to_send(), False, {}, b"")

    def heard(self, octets):
        for event in self.http.receive_data(octets) if octets else ():
            self.seen = self.seen or isinstance(event, h2.events.PingAckReceived)
            if isinstance(event, h2.events.ResponseReceived):
                self.head = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                self.body += event.data

    def answer(self):
        if self.head.get(":status") == "200":
            assert self.head["content-type"] == doh.TYPE, self.head
            return self.body
        return None


def over_https(scene, address, query, made, get, mix):
    stream = tls.Stream(address, DOH, made).open()
    fact = scene.record.query("DOH", stream.asker, stream.answerer, query.message)
    request = Request(query.message, get)
    say(stream, [request.octets])
    while not request.seen and not stream.ended:
        stream.wait()
        request.heard(stream.read())
    meanwhile(address, mix)
    if not stream.ended:
        request.heard(last(stream))
    if (answer := request.answer()) is not None:
        scene.record.response(fact, answer)


def checked(collector, scene, short):
    scene.stop(collector)
    row = scene.check(collector.taps(orderly=scene.server.server.lingers))
    if scene.server.server.lingers:
        assert Metrics().dropped["malformed"] == short, (Metrics().drops(), short)
    answered = sum(fact.key[3] for fact in scene.record.facts)
    assert answered, "no answers"
    return {"answered": answered, "short": short, **row}


def asked(name, port, ask, ways, longest=LONGEST, alpn=()):
    collector = Collector()
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full", ports=(port,))
    made, strange = tls.context(scene.authority, alpn=alpn), Strange(name, port, longest)
    mix, short = load.Mix(f"{name} plain", odd=0), 0
    for number in range(QUERIES):
        query = strange.next()
        short += len(query.message) < dns.HEADER.size
        ask(scene, scene.server.addresses[number % len(scene.server.addresses)], query,
            made, ways[number // 2 % len(ways)], mix)
    return checked(collector, scene, short)


@each(encrypted.SERVERS)
def test_tls(name):
    return asked(name, DOT, over_tls, list(load.PIECES.values()))


@each(encrypted.SERVING_DOH)
def test_https(name):
    return asked(name, DOH, over_https, [False, True],
                 encrypted.LONGEST.get(name, LONGEST), ["h2"])


# named does not read all of what comes right before the end.
@each(name for name in encrypted.SERVERS if name != "named")
def test_half_closed(name):
    """Several queries, and the end right behind them: not all are answered."""
    collector = Collector()
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full")
    made, mix = tls.context(scene.authority), load.Mix(name, odd=0)
    for number in range(QUERIES // 4):
        address = scene.server.addresses[number % len(scene.server.addresses)]
        stream = tls.Stream(address, DOT, made).open()
        queries = [mix.next() for _ in range(4)]
        asked = {dns.ident(query.message): scene.record.query(
            "DOT", stream.asker, stream.answerer, query.message) for query in queries}
        for piece in load.PIECES["one by one"](queries):
            stream.write(piece)
        for answer in dns.framed(last(stream))[0]:
            scene.record.response(asked[dns.ident(answer)], answer)
    return checked(collector, scene, 0)
