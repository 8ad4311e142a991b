# SPDX-License-Identifier: Apache-2.0
"""The oracle itself: a true log passes, and one fault in it is found."""

import dataclasses
import socket

from harness import dns, load, oracle
from harness.collector import Collector
from harness.each import each
from harness.process import until
from harness.scene import Scene
from harness.wire import Message, Recorder

MILLISECOND = oracle.MILLISECOND

# What a log might do to one of its messages; None: leave it out.
FAULTS = {
    "missing": lambda tap: None,
    "twice": lambda tap: [tap, tap],
    "an octet": lambda tap: changed(
        tap, query_message=tap.query_message[:-1] + b"?"),
    "type": lambda tap: changed(
        tap, type="CLIENT_QUERY" if tap.type == "AUTH_QUERY" else "AUTH_QUERY"),
    "address": lambda tap: changed(tap, query_address="127.0.0.9"),
    "port": lambda tap: changed(tap, query_port=tap.query_port ^ 1),
    "no address": lambda tap: changed(tap, response_address=None),
    "early": lambda tap: changed(tap, query_time=tap.query_time - 9 * MILLISECOND),
    "no time": lambda tap: changed(tap, query_time=None),
    "family": lambda tap: changed(tap, family="INET6"),
    "protocol": lambda tap: changed(tap, protocol="TCP"),
}


def changed(tap, **fields):
    return [dataclasses.replace(tap, **fields)]


def test_finds_faults():
    collector = Collector()
    scene = Scene("knotd", f"dnstap {collector.endpoint} full")
    load.udp(scene.server.addresses[:1], 50, load.Mix("oracle"))
    scene.stop()
    expected, taps = scene.facts(), collector.taps()
    assert oracle.compare(expected, taps).clean()
    victim = next(at for at, tap in enumerate(taps) if not tap.is_response)
    for fault, apply in FAULTS.items():
        log = taps[:victim] + (apply(taps[victim]) or []) + taps[victim + 1:]
        assert not oracle.compare(expected, log).clean(), fault
    return f"{len(FAULTS)} faults, all found"


LOOPBACK = {"ipv4": (socket.AF_INET, "127.0.0.1"), "ipv6": (socket.AF_INET6, "::1")}


@each(LOOPBACK)
def test_refused(name):
    """What came when the server had closed its socket was never its message."""
    family, address = LOOPBACK[name]
    wire, here = Recorder(), (address, 53)
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.connect(here)
        with socket.socket(family, socket.SOCK_DGRAM) as server:
            server.bind(here)
            client.send(dns.query(1, "read.test", "A"))
            server.recv(512)
        client.send(dns.query(2, "refused.test", "A"))
    until(lambda: len(wire.messages()) == 2, "both are recorded")
    until(lambda: wire.messages()[1].refused, "the second is refused")
    assert len(oracle.facts(wire.messages(), [address])) == 1


def test_id_used_twice():
    """Of queries of one id that are under way at one time each has its answer."""
    ends = "127.0.0.1", 4000, "127.0.0.99", 53
    queries = [dns.query(7, name) for name in ("first.test", "second.test")]
    answers = [query[:2] + b"\x80" + query[3:] for query in queries]
    wire = [Message(at, "UDP", *ends, query) for at, query in enumerate(queries)]
    wire += [Message(at, "UDP", *ends[2:], *ends[:2], answer)
             for at, answer in enumerate(answers, len(wire))]
    facts = oracle.facts(wire, (), [ends[2]])
    assert [fact.query for fact in facts[2:]] == facts[:2], facts
