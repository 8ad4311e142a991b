# SPDX-License-Identifier: Apache-2.0
"""What happens to TCP connections in the midst of messages: whatever it is, each
message is logged once, with its client, or counted."""

import re
import socket
import struct

from harness import host, load, namespace, oracle
from harness.collector import listening
from harness.each import each
from harness.metrics import SETTING, Metrics
from harness.process import until

CONNECTIONS, PER_CONNECTION = 4, 10  # of host/streams.c
WRITERS, EACH = 4, 200
AMOUNT = 64 << 20  # octets
FIXED = 20000  # microseconds: a first message starts the tap
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close that resets


def played(scene, **settings):
    running = host.Host(host.build("streams"), scene, **SETTING, **settings)
    until(lambda: running.process.alive() and listening(53), "the host's socket")
    return running


def checked(running):
    Metrics().check()
    row = running.check()
    assert not Metrics().drops(), Metrics().drops()
    return row


@each(("vfork", "clone", "fail", "cancel"))
def test_undisturbed(scene):
    """Guests in the host's memory that close, calls that fail, a thread that is to
    be cancelled: none of it changes what is known of a connection."""
    running = played(scene)
    running.tcp(CONNECTIONS * PER_CONNECTION, PER_CONNECTION)
    running.end()
    return checked(running)


def test_reset():
    """The client is known though it has gone before its query was read."""
    running, mix = played("reset"), load.Mix("reset", odd=0)
    for _ in range(CONNECTIONS):
        connection = load.Connection(namespace.SERVER4)
        connection.send([load.framed([mix.next()])])
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.socket.close()
    running.end()
    row = checked(running)
    assert row["messages"] == CONNECTIONS, row
    return row


def test_writers():
    """Several threads answer on one connection at once."""
    running, mix = played("writers"), load.Mix("writers", odd=0)
    connection = load.Connection(namespace.SERVER4)
    connection.send([load.framed([mix.next()])])
    answers = 0
    while connection.answer() is not None:
        answers += 1
    connection.socket.close()
    running.end()
    assert answers == 2 * WRITERS * EACH, answers
    Metrics().check()
    verdict = oracle.compare(running.facts(), running.collector.taps())
    assert verdict.facts == 1 + answers, verdict.facts
    # One query has one response that can be told to be its own.
    assert not verdict.missing and not verdict.surplus, verdict.text()
    return f"{answers} responses"


def test_senders():
    """Thousands of threads that are cancelled where they send leave nothing
    behind."""
    running = played("senders")
    first = load.Connection(namespace.SERVER4)
    running.tcp(CONNECTIONS * PER_CONNECTION, PER_CONNECTION)
    first.socket.close()
    running.end()
    return checked(running)


def test_jumps():
    """What a thread leaves half done is no matter to later connections."""
    running, mix = played("jumps"), load.Mix("jumps", odd=0)
    first = load.Connection(namespace.SERVER4)
    # Long ones: they are put together from many pieces.
    query = load.Query(mix.next().message.ljust(60000, b"\0"), False)
    octets = load.framed([query])
    try:
        while True:
            first.send([octets])
    except ConnectionError:
        first.socket.close()
    before = len(running.facts())
    running.tcp(CONNECTIONS * PER_CONNECTION, PER_CONNECTION)
    running.end()
    later = [fact for fact in running.facts()[before:]]
    ports = {fact.key[1] for fact in later}
    logged = [tap for tap in running.collector.taps() if tap.query_port in ports]
    assert len(later) >= 2 * CONNECTIONS * PER_CONNECTION, len(later)
    assert len(logged) >= 2 * CONNECTIONS * PER_CONNECTION, (len(logged), len(later))
    return f"{len(logged)} messages of later connections"


def microseconds(words, **settings):
    """Of the processor's time, to read so much of these octets."""
    running = played("reads", **settings)
    client = socket.create_connection((namespace.SERVER4, 53))
    for _ in range(AMOUNT // len(words)):
        client.sendall(words)
    client.close()
    running.process.wait(0)
    return int(re.findall(r"^(\d+) us$", running.log(), re.M)[-1])


@each(("zeros", "short", "mixed"))
def test_empty(kind):
    """Octets that are no messages cost little more than to read them."""
    words = {"zeros": bytes(1 << 20), "short": b"\0\1x" * (1 << 18),
             "mixed": (bytes(2000) + b"\0\14" + b"." * 12) * 512}[kind]
    bare = microseconds(words, DNSTAP_DISABLE="1")
    tapped = microseconds(words)
    assert tapped < 4 * bare + FIXED, (tapped, bare)
    return f"{bare} µs bare, {tapped} µs tapped"
