# SPDX-License-Identifier: Apache-2.0
"""Datagrams that are received and sent in every way are logged once, as they
crossed the wire, and what the server never had whole is counted."""

import socket
import threading
from collections import Counter
from dataclasses import replace

from harness import dns, host, metrics, namespace, oracle
from harness.each import each
from harness.metrics import Metrics

WAYS, ROUNDS, ROOM = 20, 20, 100  # of host/*.c
CLIENT = namespace.SERVER4, 5300
SERVER = namespace.SERVER4, 53
SO_RCVBUFFORCE = 33  # socket(7)


SENDS = ("gone", "gone_stream", "moved", "segments", "vectors", "pieces", "probe",
         "unspecific", "from", "here")


def played(scene):
    program = host.build("sends" if scene in SENDS else "datagram",
                         f'-DUPSTREAM="{namespace.UPSTREAM}"',
                         f'-DUPSTREAM6="{namespace.UPSTREAM6}"',
                         f'-DADDRESS6="{namespace.SERVER6}"')
    return host.Host(program, scene, **metrics.SETTING)


def check(running, facts=None, dropped=None):
    """The log against the wire, and the metrics against the log."""
    facts = running.facts() if facts is None else facts
    verdict = oracle.compare(facts, running.collector.taps()).check()
    counted = Metrics()
    counted.check()
    assert counted.drops() == (dropped or {}), counted.drops()
    assert counted.count["sent_total"] == len(facts), counted.count
    return verdict


def test_received():
    """In each way, by servers that did not ask from whom or gave a name too little
    room; each other datagram is longer than the buffer."""
    running = played("receives")
    running.bound()
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind(CLIENT)
    client.settimeout(20)
    for ident in range(WAYS * ROUNDS):
        long = (ident // WAYS + ident) % 2
        query = dns.query(ident, "host1.test") + b"\xee" * (200 if long else 0)
        client.sendto(query, SERVER)
        assert client.recv(4096)[:2] == query[:2]
    running.end(0)
    whole = [fact for fact in running.facts() if len(fact.key[-1]) <= ROOM]
    return check(running, whole, {"truncated": WAYS * ROUNDS // 2})


def test_connects():
    """In each way, by a socket that has been connected to somebody else since."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(CLIENT)
    peer.settimeout(20)
    running = played("connects")
    running.bound()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((namespace.CLIENTS4[1], 0))
        for ident in range(WAYS * ROUNDS):
            client.sendto(dns.query(ident, "host1.test"), SERVER)
            assert int.from_bytes(peer.recv(4096)[:2], "big") == ident
    running.end(0)
    return check(running)


def test_confined():
    """Where a sandbox forbids what tells more, a datagram that fills the buffer may
    have been cut."""
    running = played("confined")
    running.bound()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        for ident in range(1 + ROUNDS):
            query = dns.query(ident, "host1.test") + b"\xee" * (200 * (ident % 2))
            client.sendto(query, SERVER)
            assert client.recv(4096)[:2] == query[:2]
    running.end(0)
    whole = [fact for fact in running.facts() if len(fact.key[-1]) <= ROOM]
    return check(running, whole, {"truncated": ROUNDS // 2})


def echo(answering, count):
    for _ in range(count):
        message, asker = answering.recvfrom(4096)
        answering.sendto(message[:2] + bytes([message[2] | 0x80]) + message[3:], asker)


ASKED = {"asks": WAYS * ROUNDS, "asks_many": 400}


@each(ASKED)
def test_asked(scene):
    """In each way and many at a time, by sockets that have not been bound, nor are
    connected."""
    answering = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    answering.bind((namespace.UPSTREAM, 53))
    answering.settimeout(20)
    threading.Thread(target=echo, args=[answering, ASKED[scene]], daemon=True).start()
    running = played(scene)
    running.end(0)
    return check(running, oracle.facts(running.wire.messages(), [],
                                       [namespace.UPSTREAM]))


GONE = {"gone": 2 * 8 * ROUNDS, "gone_stream": 8 * ROUNDS}


@each(GONE)
def test_gone(scene):
    """Whoever receives a message frees what it was sent from, at once."""
    running = played(scene)
    running.end(0)
    assert len(running.facts()) == GONE[scene]
    return check(running)


def test_rights():
    """A socket that came over another one, by a number that was something else."""
    running = played("rights")
    running.udp(40)
    running.end(0)
    return check(running)


def test_moved():
    """Octets that are moved into a connection without passing by: that direction
    is given up, and what it carries from then on is counted."""
    running = played("moved")
    running.listens()
    for connection in range(4):
        with socket.create_connection(SERVER, timeout=20) as client:
            for number in range(3):
                query = dns.query(connection * 3 + number, "host1.test")
                query = len(query).to_bytes(2, "big") + query
                client.sendall(query)
                assert len(client.recv(len(query), socket.MSG_WAITALL)) == len(query)
            assert not client.recv(1)
    running.end(0)
    seen = [fact for fact in running.facts()
            if not fact.sent or dns.ident(fact.key[-1]) % 3 == 0]
    return check(running, seen, {"stream": 8})


def sent_to_client(scene, count):
    """What a scene sends, and what its client has received of it."""
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind(CLIENT)
    client.settimeout(20)
    client.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    running = played(scene)
    received = [client.recv(65536) for _ in range(count)]
    running.end(0)
    return running, received


def check_payloads(running, payloads, dropped=None):
    """Of datagrams that crossed in one packet, or in pieces."""
    taps = Counter(tap.payload
                   for tap in running.collector.taps(orderly=bool(payloads)))
    crossed = Counter(payloads)
    assert taps == crossed, f"missing {crossed - taps}, surplus {taps - crossed}"[:2000]
    counted = Metrics()
    counted.check()
    assert counted.drops() == (dropped or {}), counted.drops()
    return f"{len(payloads)} messages"


def test_segments():
    """UDP_SEGMENT: one call sends several."""
    running, received = sent_to_client("segments", 4 + 4 + 3 + 3 + 3 + 1)
    assert max(map(len, received[:-1])) == 60 and len(received[-1]) == 180
    return check_payloads(running, received)


def test_vectors():
    """sendmmsg of more messages, and of more datagrams, than one can be given; and
    up to one that cannot be sent."""
    running, received = sent_to_client("vectors", 1024 + 50 * 30 + 50 * 30 + 20)
    whole = [payload for payload in received if len(payload) >= 12]
    return check_payloads(running, whole, {"malformed": len(received) - len(whole)})


def test_pieces():
    """MSG_MORE, UDP_CORK: several calls send one."""
    running, received = sent_to_client("pieces", 6)
    assert [len(one) for one in received] == [150, 70, 70, 10000, 40, 90], received
    received.pop(3)
    return check_payloads(running, received, {"pool": 1})


@each(("probe", "unspecific"))
def test_odd_sends(scene):
    """What is not sent is not logged; what has no family goes to an address."""
    running, _ = sent_to_client(scene, 1 if scene == "probe" else 2)
    return check(running)


def test_from():
    """What is sent has the address that the call gives it, not the socket's; where
    that is the kernel's choice, it has none."""
    running = played("from")
    running.end(0)
    chosen = namespace.CLIENTS4[0]
    wire = [replace(message, source=None) if message.source == chosen else message
            for message in running.wire.messages()]
    ours = [None, namespace.SERVER6, namespace.UPSTREAM, namespace.UPSTREAM6]
    assert [message.source for message in wire] == [
        namespace.UPSTREAM, namespace.UPSTREAM, None, namespace.UPSTREAM6,
        namespace.SERVER6], wire
    return check(running, oracle.facts(wire, ours))


def test_here():
    """To the address that is none in particular the kernel sends as to this machine."""
    here = ["127.0.0.1", "::1", namespace.SERVER4]
    for address in here:
        answering = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                                  socket.SOCK_DGRAM)
        answering.bind((address, 53))
        threading.Thread(target=echo, args=[answering, 10], daemon=True).start()
    running = played("here")
    running.end(0)
    facts = oracle.facts(running.wire.messages(), [], here)
    assert len(facts) == 20, facts
    return check(running, facts)


@each(("coalesced", "told", "untold", "cut"))
def test_joined(scene):
    """UDP_GRO: one call receives several."""
    running = played(scene)
    running.bound()
    queries = [dns.query(ident, "host1.test").ljust(60, b"\xee") for ident in range(4)]
    queries[-1] = queries[-1][:40]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.IPPROTO_UDP, 103, 60)  # UDP_SEGMENT
        client.sendto(b"".join(queries), SERVER)
        running.end(0)
    if scene == "cut":  # there was room for one and a half
        return check_payloads(running, queries[:1], {"truncated": 3})
    if scene == "untold":
        return check_payloads(running, [], {"truncated": 1})
    return check_payloads(running, queries)
