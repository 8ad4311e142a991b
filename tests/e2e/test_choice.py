# SPDX-License-Identifier: Apache-2.0
"""What a tap leaves out: of messages by `sample` and filters, of addresses by
`anonymize`."""

import dataclasses
import ipaddress
import socket
import struct
from collections import Counter

from harness import dns, load, namespace, servers
from harness.collector import Collector
from harness.each import each
from harness.metrics import Metrics
from harness.scene import Scene

IDS, TIMES, PORT = 200, 4, 40100


def ask_often():
    """The same queries each time, from the same port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((namespace.CLIENTS4[1], PORT))
        client.settimeout(load.PATIENCE)
        client.connect((namespace.SERVER4, 53))
        for ident in range(IDS):
            for _ in range(TIMES):
                client.send(dns.query(ident, "host1.test"))
                client.recv(65535)


def chosen():
    """Which ids a server logs that answers in two processes."""
    collector = Collector()
    scene = Scene("nsd", f'dnstap {collector.endpoint} full '
                  '{ sample 2; extra "one in {/shim/sample}" }')
    ask_often()
    scene.stop()
    taps = [tap for tap in collector.taps() if tap.query_port == PORT]
    assert {tap.extra for tap in taps} == {b"one in 2"}
    count = Counter((tap.is_response, dns.ident(tap.payload)) for tap in taps)
    assert set(count.values()) == {TIMES}, "its processes do not agree"
    queries, responses = ({ident for kind, ident in count if kind == response}
                          for response in (False, True))
    assert queries == responses
    return queries


def test_sample():
    first, second = chosen(), chosen()
    for ids in first, second:
        assert IDS // 4 < len(ids) < IDS - IDS // 4, len(ids)
    assert first != second, "it can be predicted"
    return f"{len(first)} and {len(second)} of {IDS}, {len(first & second)} in both"


HIDDEN = "203.0.113.77"  # the client of a client


def subnet(ident):
    """A query with an EDNS client subnet of all 32 bits (RFC 7871 6). Each for a name
    of its own: dnsmasq may leave unread what answers a question a second time."""
    option = struct.pack("!HHHBB", 8, 8, 1, 32, 0) + socket.inet_aton(HIDDEN)
    message = bytearray(dns.query(ident, f"subnet{ident}.test", rd=True, size=1232)
                        + option)
    size = len(option)
    message[-size - 2:-size] = struct.pack("!H", size)
    return bytes(message)


def uncounted(message):
    """Its additional record is there, but the header does not say so."""
    return message[:10] + b"\0\0" + message[12:]


def test_anonymize():
    """dnsmasq tells its upstream of the client in two ways of its own."""
    command = servers.SERVERS["dnsmasq"].command + " --add-subnet=32,128 --umbrella"
    collector = Collector()
    scene = Scene("dnsmasq", f"dnstap {collector.endpoint} full {{ anonymize 8 16\n"
                  'extra "{remote} {local} {/forward/upstream}" }',
                  variant=servers.variant("dnsmasq", command=command))
    mix = load.Mix("anonymize")
    load.udp(scene.server.addresses, 300, mix)
    load.tcp(scene.server.addresses, 50, mix)
    asking = load.clients(namespace.SERVER4)
    shapes = bytes, uncounted, lambda message: message + b"\0"
    asking.ask([load.Query(shapes[ident % 3](subnet(ident)), False)
                for ident in range(60)])
    scene.stop()
    taps = collector.taps()
    whole = sum(tap.payload is not None for tap in taps)
    assert len(taps) == len(scene.facts())
    assert len(taps) // 3 < whole < len(taps), (whole, len(taps))
    for address in (HIDDEN, namespace.CLIENTS4[1], namespace.SERVER4,
                    namespace.SERVER6, namespace.CLIENTS6[1]):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for form in socket.inet_pton(family, address), address.encode():
            left = [tap for tap, frame in zip(taps, collector.frames) if form in frame]
            assert not left, (address, len(left), left[:2])
    upstreams = {tap.extra.split()[-1] for tap in taps}
    assert upstreams == {b"-", b"127.0.0.0:53"}, upstreams
    return f"{len(taps)} messages, {len(taps) - whole} of them without their octets"


@each(["named", "smartdns"])
def test_name_with_a_pointer(name):
    """To a zero octet of the header, which these two take for the root, and answer."""
    collector = Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full {{ name *.test }}")
    plain = dns.query(PORT, "host1.test")
    whole = dns.name("host1.test")
    assert plain[4] == 0 and plain.count(whole) == 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((namespace.CLIENTS4[1], PORT))
        client.settimeout(load.PATIENCE)
        client.connect((namespace.SERVER4, 53))
        client.send(plain.replace(whole, whole[:-1] + b"\xc0\x04"))
        client.recv(65535)
    scene.stop()
    taps = [tap for tap in collector.taps() if tap.query_port == PORT]
    assert [tap.is_response for tap in taps] == [False, True], taps
    assert taps[1].query_time == taps[0].time


WILD = dns.name("wild.test")


def below_wild(tap, asked):
    """Asked about a name below wild.test."""
    question = dns.first_question(asked)
    return bool(question) and question[:-4].endswith(WILD) and len(question) > len(WILD) + 4


def rcode(tap):
    """Of a message without an OPT record of its own: what servers of the test say."""
    return dns.flags(tap.payload) & 15


# What a tap says, and what is then to be in its log; `asked`: the query's octets.
FILTERS = {
    "name *.wild.test": below_wild,
    "not name *.wild.test; qtype AAAA MX":
        lambda tap, asked: not below_wild(tap, asked) and dns.qtype(asked) in (28, 15),
    f"client {namespace.CLIENTS4[1]}":
        lambda tap, asked: tap.query_address == namespace.CLIENTS4[1],
    "not client 127.0.0.0/8":
        lambda tap, asked: ipaddress.ip_address(tap.query_address).version == 6,
    "rcode NXDOMAIN; name *.wild.test *.test":
        lambda tap, asked: (tap.is_response and rcode(tap) == 3
                            and (dns.first_question(asked) or b"")[:-4].endswith(
                                b"\4test\0")),
    "rsize 100": lambda tap, asked: tap.is_response and len(tap.payload) >= 100,
    "not rsize 100; not duration 1us":
        lambda tap, asked: not tap.is_response or (
            len(tap.payload) < 100 and tap.query_time is None),
    "duration 1us; types client-response":
        lambda tap, asked: tap.type == "CLIENT_RESPONSE" and tap.query_time is not None,
}


def with_questions(taps):
    """Each with the query that it is or answers."""
    queries = {}
    for tap in taps:
        key = (tap.protocol, tap.query_address, tap.query_port, tap.response_address,
               tap.response_port, dns.ident(tap.payload))
        if not tap.is_response:
            queries[key] = tap.payload
        known = tap.is_response and tap.query_time is not None
        yield tap, queries[key] if known else tap.payload


def quick(tap):
    """Answered so soon that taps, each with a clock of its own, may differ about it."""
    return (tap.is_response and tap.query_time is not None
            and tap.response_time - tap.query_time < 2000)


def timeless(taps):
    """Each tap sets its clock by itself: times differ by nanoseconds."""
    return Counter(dataclasses.replace(tap, query_time=None, response_time=None)
                   for tap in taps)


@each(["named", "dnsmasq"])
def test_filter(name):
    """A tap each, beside one that logs all. What is left out is counted."""
    everything = Collector(name="all")
    chosen = [Collector(name=f"tap{i}") for i in range(len(FILTERS))]
    text = f"dnstap {everything.endpoint} full\n" + "".join(
        f"dnstap {collector.endpoint} full {{ {words} }}\n"
        for collector, words in zip(chosen, FILTERS))
    scene = Scene(name, text)
    mix = load.Mix("filter")
    load.udp(scene.server.addresses, 600, mix)
    load.tcp(scene.server.addresses, 100, mix)
    scene.stop()
    whole = list(with_questions(everything.taps()))
    assert len(whole) == len(scene.facts())
    doubtful = {tap.payload for tap, _ in whole if quick(tap)}
    assert len(doubtful) < len(whole) // 10, len(doubtful)
    counts = []
    for at, (collector, words) in enumerate(zip(chosen, FILTERS)):
        logged = collector.taps()
        left = doubtful if "duration" in words else ()
        expected = timeless(tap for tap, asked in whole
                            if FILTERS[words](tap, asked) and tap.payload not in left)
        found = timeless(tap for tap in logged if tap.payload not in left)
        assert found == expected, (words, list((expected - found).items())[:2],
                                   list((found - expected).items())[:2])
        metrics = Metrics(at + 1)
        left_out = metrics.count["skipped_total"] + metrics.dropped["unsolicited"]
        assert left_out == metrics.crossed() - len(logged), (words, metrics.count)
        counts.append(len(logged))
    assert all(counts[:6]) and counts[-1], counts
    return f"of {len(whole)} messages " + ", ".join(map(str, counts))
