# SPDX-License-Identifier: Apache-2.0
"""Clients that are not what they seem: DNS that looks like TLS, TLS that is none,
hellos that nothing follows. What is DNS is in the log, and nothing else."""

import socket
import socketserver
import ssl
import struct
import threading

from harness import dns, doh, dot, encrypted, load, namespace, openssl, servers, tls
from harness.collector import Collector
from harness.each import each
from harness.encrypted import DOH, DOT, EncryptedScene
from harness.load import PIECES, Query
from harness.process import PATIENCE
from harness.scene import Scene
from harness.tls_upstream import BEHIND

CONNECTIONS = 12
# Servers over TCP, but for those that do not read so long a query to its end, or hang
# up when they have answered it, or do neither.
OVER_TCP = [name for name, server in servers.SERVERS.items() if server.tcp
            and name not in ("gdnsd", "smartdns", "knotd", "kresd")]
# The others hang up on everybody because of one who ends badly.
ROBUST = [name for name in encrypted.SERVERS if name not in encrypted.NEEDS_AN_END]
# What comes over TCP is passed on to another.
FORWARDING = f"""getServer(0):setUp()
newServer({{address='{BEHIND}:53', pool='tcp'}})
getServer(1):setUp()
addAction(TCPRule(true), PoolAction('tcp'))
"""
# YADIFA 3 neither answers such a query nor hangs up.
SILENT = {"yadifad"}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def client_hello(question):
    """What Python's client says first, but that its random number holds a question of
    DNS: with the length 0x1603 before it, it is a query of that many octets."""
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing,
                                                   server_hostname="x" * 60)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = bytearray(outgoing.read())
    hello[4] = 0  # RD
    hello[7:9] = 1, 0  # one question, and what follows is no record
    hello[11:14] = bytes(3)
    hello[14:14 + len(question)] = question
    return bytes(hello).ljust(2 + 0x1603, b"\0")


def asks(connection, message, pieces):
    """Returns if it has been answered."""
    connection.send(pieces([Query(message, True)]))
    return connection.answer() is not None


@each(OVER_TCP)
def test_like_a_hello(name):
    """A query in the clear, which many servers repeat in their answer, or pass on. Who
    answers it is asked more on that connection, and others are on sockets that have
    the same number."""
    collector = Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full")
    hello, mix, answered = client_hello(dns.question("host1.test")), load.Mix(name, 0), 0
    assert hello[:2] == b"\x16\x03" and hello[5] == 1
    for pieces in PIECES.values():
        connection = load.Connection(namespace.SERVER4)
        if name in SILENT:
            connection.send(pieces([Query(hello[2:], True)]))
        elif asks(connection, hello[2:], pieces):
            answered += 1
            for _ in range(5):
                assert asks(connection, mix.next().message, pieces)
        connection.drain()
        load.tcp([namespace.SERVER4], 5, mix)
    scene.stop(collector)
    return {"answered": answered, **scene.check(
        collector.taps(orderly=scene.server.server.lingers))}


@each(ROBUST)
def test_in_the_clear(name):
    """DNS without TLS where TLS is spoken."""
    collector = Collector()
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full")
    mix = load.Mix(name, odd=0)
    for port in (DOT, DOH) if name in encrypted.SERVING_DOH else (DOT,):
        for pieces in PIECES.values():
            for _ in range(3):
                client = socket.create_connection((namespace.SERVER4, port), PATIENCE)
                try:
                    for piece in pieces([mix.next()]):
                        client.sendall(piece)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(1 << 16):
                        pass
                except OSError:
                    pass  # it hangs up
                client.close()
        dot.ask(scene, 12, mix, 6)
    scene.stop(collector)
    return scene.check(collector.taps(orderly=scene.server.server.lingers))


def halves(hello):
    """What clients say that never get through the handshake."""
    yield hello[:1]
    yield hello[:5]
    yield hello[:60]
    yield hello
    yield hello + b"\x15\x03\x03\0\x02\x02\x28"  # an alert
    yield hello + b"\x17\x03\x03\0\x10" + bytes(16)  # data
    yield hello + b"\x14\x03\x03\0\x01\x01" + b"\x17\x03\x03\0\x20" + bytes(32)
    yield hello + hello
    yield b"\x16\x03\x01\x40\0" + bytes(1 << 14)
    yield bytes(100)
    yield PREFACE


@each(ROBUST)
def test_half_a_handshake(name):
    collector = Collector()
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full")
    mix, made = load.Mix(name, odd=0), tls.context(scene.authority)
    stream = tls.Stream(namespace.SERVER4, DOT, made)
    hello = stream.sealed
    stream.socket.close()
    for at, octets in enumerate(halves(hello)):
        client = socket.create_connection((namespace.SERVER4, DOT), PATIENCE)
        client.sendall(octets)
        if at % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        dot.ask(scene, 2, mix, 2)
        load.tcp([namespace.SERVER4], 5, mix)
    dot.ask(scene, 12, mix, 6)
    scene.stop(collector)
    return scene.check(collector.taps(orderly=scene.server.server.lingers))


def like_http2():
    """A message of 20,562 octets, which begins as connections of HTTP/2 do."""
    return PREFACE[2:].ljust(int.from_bytes(PREFACE[:2], "big"), b"\0")


@each(name for name in ROBUST if name != "kresd")  # it does not answer
def test_like_http2(name):
    """The first message over TLS."""
    collector = Collector()
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full")
    mix = load.Mix(name, odd=0)
    for alpn in (), ("dot",):
        made = tls.context(scene.authority, alpn=alpn)
        for records in dot.APART[:2] + ("within",):
            stream = tls.Stream(namespace.SERVER4, DOT, made)
            player = dot.Asker(
                stream, scene.record, [Query(like_http2(), True)]
                + [mix.next() for _ in range(5)], window=1, records=records)
            tls.play([player], records)
        dot.ask(scene, 12, mix, 6)
    scene.stop(collector)
    return scene.check(collector.taps(orderly=scene.server.server.lingers))


def like_dns(head, size):
    """A request of HTTP/1.1 that reads as whole messages of DNS, the second a query."""
    hidden = dns.query(0x4242, "nobody.asked.test", "A", rd=True)
    hidden = len(hidden).to_bytes(2, "big") + hidden
    first = int.from_bytes(head[:2], "big") + 2 - len(head)
    body = bytes(first) + hidden
    rest = size - len(body) - 2
    return body + rest.to_bytes(2, "big") + bytes(rest)


def test_like_dns():
    """The first request over TLS, by a client that says by no name what it speaks."""
    doh.want_http1()
    collector = Collector()
    scene = EncryptedScene("dnsdist", f"dnstap {collector.endpoint} full", ports=(DOH,))
    made, size = tls.context(scene.authority, alpn=()), 24000
    for number in range(6):
        stream = tls.Stream(namespace.SERVER4, DOH, made)
        player = doh.Http1(stream, scene.record, doh.queries(10, number))
        head = player.head("POST", "", f"Content-Type: {doh.TYPE}",
                            f"Content-Length: {size}")
        body = like_dns(head, size)
        player.asked[0], player.octets = player.query(body), head + body
        tls.play([player], number)
    scene.stop(collector)
    return scene.check(collector.taps(orderly=scene.server.server.lingers))


@each(ROBUST)
def test_same_randoms(name):
    """Of several clients that say hello at the same time."""
    collector = Collector()
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full")
    mix = load.Mix(name, odd=0)
    with openssl.same_randoms():
        made = tls.context(scene.authority)
        streams = [tls.Stream(namespace.SERVER4, DOT, made, source=source)
                   for source in namespace.CLIENTS4 * (CONNECTIONS // 2)]
        hellos = {stream.sealed for stream in streams}
        tls.play([dot.Asker(stream, scene.record, [mix.next() for _ in range(10)],
                            records="within", segment=50) for stream in streams], name)
    assert len(hellos) == 1, "the hellos differ"
    scene.stop(collector)
    return scene.check(collector.taps(orderly=scene.server.server.lingers))


def server_hello(query):
    """An answer that looks as if a TLS server said it, to a query with the id 0x301."""
    answer = bytearray(0x1603)
    answer[:12] = query[:2] + b"\x84\x02\0\x01\x80\x03\x03\0\0\0"
    question = dns.question("host1.test")
    answer[12:12 + len(question)] = question
    return bytes(answer)


class Answering(socketserver.StreamRequestHandler):
    """Whatever is asked, with the same."""

    def handle(self):
        while length := self.rfile.read(2):
            answer = server_hello(self.rfile.read(int.from_bytes(length, "big")))
            self.request.sendall(struct.pack("!H", len(answer)) + answer)


def test_like_a_server_hello():
    """In what a forwarder passes on from an upstream to its client."""
    upstream = socketserver.ThreadingTCPServer((BEHIND, 53), Answering)
    upstream.daemon_threads = True
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    collector = Collector()
    scene = Scene("dnsdist", f"dnstap {collector.endpoint} full", variant=servers.variant(
        "dnsdist", ("getServer(0):setUp()", FORWARDING), file="dnsdist.conf"))
    scene.asks.append(BEHIND)
    query = dns.query(0x301, "host1.test")
    for _ in range(3):
        connection = load.Connection(namespace.SERVER4)
        for pieces in PIECES.values():
            assert asks(connection, query, pieces)
        connection.drain()
    scene.stop(collector)
    expected = server_hello(query)
    assert any(fact.key[-1] == expected for fact in scene.facts()), "it was not passed on"
    return scene.check(collector.taps())
