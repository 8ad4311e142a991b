# SPDX-License-Identifier: Apache-2.0
"""Connections that a proxy introduces by the PROXY protocol: the log against what
the clients have said and heard, for the wire does not know where a header ends."""

import itertools
import socket
import struct
from collections import Counter

from harness import dnstap, load, namespace
from harness import servers as harness
from harness.collector import Collector
from harness.each import each
from harness.process import until
from test_proxied import LINE, LIST, LISTED, LOCAL, SERVERS, SIGNATURE

CONNECTIONS, QUERIES = 12, 5


def version_2(client, port, values=b""):
    six = ":" in client
    family = socket.AF_INET6 if six else socket.AF_INET
    body = b"".join(socket.inet_pton(family, end) for end in (
        client, "2001:db8::53" if six else "198.51.100.53"))
    body += struct.pack("!HH", port, 53) + values
    return SIGNATURE + struct.pack("!BBH", 0x21, 0x21 if six else 0x11, len(body)) + body


def with_values(client, port):
    """More than is looked at of a header."""
    return version_2(client, port, b"\xea\x01\x2c" + bytes(300))


def own(client, port):
    """The proxy speaks for itself."""
    return LOCAL


HEADERS = (own, version_2, with_values)  # no server here reads version 1
# As pieces of the header and the first query.
PIECES = (lambda octets: [octets], lambda octets: [octets[:1], octets[1:]],
          lambda octets: [octets[:13], octets[13:20], octets[20:]],
          lambda octets: [octets[at:at + 1] for at in range(len(octets))])


def ask(address, header, client, mix, pieces):
    """One connection. Yields what ought to be logged of it."""
    connection = load.Connection(address)
    named = (connection.socket.getsockname()[:2] if header is own
             else (client, 1024 + mix.count))
    first, *others = [mix.next() for _ in range(QUERIES)]
    connection.send(pieces(header(*named) + load.framed([first])))
    for query in first, *others:
        if query is not first:
            connection.send([load.framed([query])])
        answer = connection.answer()
        assert answer is not None, (header, named)
        yield False, query.message, *named
        yield True, answer, *named
    connection.socket.close()


def talk(source, address, octets):
    """Sends them, then reads to the end. Returns the port, and what was answered."""
    connection = load.Connection(address, source)
    port, answers = connection.socket.getsockname()[1], []
    connection.send([octets[:1], octets[1:20], octets[20:]])
    connection.socket.shutdown(socket.SHUT_WR)
    while (answer := connection.answer()) is not None:
        answers.append(answer)
    connection.socket.close()
    return port, answers


def strange(source, address, mix):
    """A header that the server reads as the beginning of a message: its first octets
    are a length. Yields what ought to be logged of it."""
    for header in version_2("203.0.113.66", 666), LINE:
        size = 2 + int.from_bytes(header[:2], "big")
        octets = (header + load.framed([mix.next()])).ljust(size, b"\0")
        port, answers = talk(source, address, octets)
        yield False, octets[2:], source, port
        for answer in answers:
            yield True, answer, source, port


def served(frames):
    """The log of what clients have asked over TCP."""
    return Counter((tap.is_response, tap.payload, tap.query_address, tap.query_port)
                   for tap in map(dnstap.decode, frames) if tap.protocol == "TCP"
                   and not tap.type.startswith(("RESOLVER", "FORWARDER")))


def run(name, tap, variant=None, **settings):
    if (variant or harness.SERVERS[name]).upstream:
        harness.Running("nsd", address=namespace.UPSTREAM)
    return harness.Running(name, harness.tap_environment(tap, **settings),
                           variant=variant)


def compare(running, collector, expected):
    lingers = running.server.lingers
    # One that SIGTERM kills on the spot must have said all before.
    until(lambda: lingers or served(list(collector.frames)) == expected,
          "the last messages")
    running.stop()
    collector.taps(orderly=lingers)
    logged = served(collector.frames)
    assert logged == expected, (logged - expected, expected - logged)
    return f"{expected.total()} messages"


@each(name for name in SERVERS if name != "knotd")
def test_served(name):
    server, collector = SERVERS[name], Collector()
    running = run(name, f"dnstap {collector.endpoint} full", server)
    mix, expected = load.Mix(name, odd=0), Counter()
    headers, pieces = itertools.cycle(HEADERS), itertools.cycle(PIECES)
    for number in range(CONNECTIONS):
        header, piece = next(headers), next(pieces)
        client = f"203.0.113.{number}"
        for address in running.addresses:
            if header is not own and ":" in address:
                client = f"2001:db8::{number + 1:x}"
            expected.update(ask(address, header, client, mix, piece))
    return f"{compare(running, collector, expected)} of {CONNECTIONS} connections to each"


def test_asked():
    """dnsdist introduces its own connections to the servers behind it, and each
    query of theirs is one that a client has asked."""
    harness.Running("pdns_server", address=namespace.UPSTREAM,
                    variant=SERVERS["pdns_server"])
    collector, mix = Collector(), load.Mix("asked", odd=0)
    running = harness.Running("dnsdist", harness.tap_environment(
        f"dnstap {collector.endpoint} full"), variant=harness.variant(
            "dnsdist", ("$upstream:53'", "$upstream:53', tcpOnly=true, "
                        "useProxyProtocol=true"), file="dnsdist.conf", upstream=False))
    queries = [mix.next() for _ in range(QUERIES * CONNECTIONS)]
    asking = load.clients(namespace.SERVER4)
    for query in queries:
        asking.ask([query])
    expected = Counter(query.message[2:] for query in queries)

    def asked(protocol, responses):
        """What was asked over that protocol, or what was answered there: dnsdist
        gives queries numbers of its own."""
        taps = [tap for tap in map(dnstap.decode, list(collector.frames))
                if tap.protocol == protocol and tap.is_response == responses]
        return (Counter(tap.payload[2:] for tap in taps) if not responses
                else len(taps))

    until(lambda: asked("UDP", True) > expected.total() <= asked("TCP", True),
          "the last responses")
    running.stop()
    for protocol in "UDP", "TCP":
        assert expected <= asked(protocol, False), (
            protocol, expected - asked(protocol, False))
    return f"{expected.total()} queries passed on"


@each(name for name in LISTED if name != "knotd")  # which reads none over TCP
def test_listed(name):
    """Whom the server does not believe is not believed here: what a stranger's
    connection begins with is cut into messages as the server cuts it."""
    collector, mix, expected = Collector(), load.Mix(name, odd=0), Counter()
    running = run(name, f"dnstap {collector.endpoint} full", LISTED[name],
                  DNSTAP_PROXIES=LIST)
    for address in running.addresses:
        client = "2001:db8::1" if ":" in address else "203.0.113.1"
        for header, pieces in itertools.product((own, version_2), PIECES):
            expected.update(ask(address, header, client, mix, pieces))
        stranger = (namespace.CLIENTS6 if ":" in address else namespace.CLIENTS4)[0]
        expected.update(strange(stranger, address, mix))
    return compare(running, collector, expected)


@each(["knotd", "nsd", "pdns_server"])
def test_none(name):
    collector, mix, expected = Collector(), load.Mix(name, odd=0), Counter()
    running = run(name, f"proxies none\ndnstap {collector.endpoint} full")
    for address in running.addresses:
        for source in namespace.CLIENTS6 if ":" in address else namespace.CLIENTS4:
            expected.update(strange(source, address, mix))
    return compare(running, collector, expected)
