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
from test_proxied import LOCAL, SERVERS, SIGNATURE

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


def served(frames):
    """The log of what clients have asked over TCP."""
    return Counter((tap.is_response, tap.payload, tap.query_address, tap.query_port)
                   for tap in map(dnstap.decode, frames) if tap.protocol == "TCP"
                   and not tap.type.startswith(("RESOLVER", "FORWARDER")))


@each(name for name in SERVERS if name != "knotd")
def test_served(name):
    server, collector = SERVERS[name], Collector()
    if server.upstream:
        harness.Running("nsd", address=namespace.UPSTREAM)
    running = harness.Running(name, harness.tap_environment(
        f"dnstap {collector.endpoint} full"), variant=server)
    mix, expected = load.Mix(name, odd=0), Counter()
    headers, pieces = itertools.cycle(HEADERS), itertools.cycle(PIECES)
    for number in range(CONNECTIONS):
        header, piece = next(headers), next(pieces)
        client = f"203.0.113.{number}"
        for address in running.addresses:
            if header is not own and ":" in address:
                client = f"2001:db8::{number + 1:x}"
            expected.update(ask(address, header, client, mix, piece))
    # One that SIGTERM kills on the spot must have said all before.
    until(lambda: server.lingers or served(list(collector.frames)) == expected,
          "the last messages")
    running.stop()
    collector.taps(orderly=server.lingers)
    logged = served(collector.frames)
    assert logged == expected, (logged - expected, expected - logged)
    return f"{expected.total()} messages of {CONNECTIONS} connections to each address"


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
