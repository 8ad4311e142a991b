# SPDX-License-Identifier: Apache-2.0
"""What is no DNS: a process that does something else is left alone, and what
strangers send to the DNS port harms nothing."""

import contextlib
import glob
import hashlib
import random
import socket
import struct
import threading
import time
import urllib.request

from harness import dns, load, namespace, oracle, servers
from harness.chaos import client_hello
from harness.collector import Collector, listening
from harness.each import each
from harness.metrics import SETTING, Metrics
from harness.process import Process, until
from harness.scene import Scene

LARGE = 32 << 20  # octets
DOWNLOADS = 4
STRANGERS = 30  # connections


def threads(process):
    """The names of its threads, some of which end meanwhile."""
    names = set()
    for path in glob.glob(f"/proc/{process.child.pid}/task/*/comm"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(path) as file:
                names.add(file.read().strip())
    return names


def test_http():
    """A web server, with the whole environment of a tap."""
    content = random.Random("http").randbytes(LARGE)
    with open(f"{namespace.ROOM}/file", "wb") as file:
        file.write(content)
    collector = Collector()
    server = Process(
        ["/usr/bin/python3", "-m", "http.server", "8000", "-b", namespace.SERVER4],
        name="http", environment=servers.tap_environment(
            f"dnstap {collector.endpoint} full", **SETTING))
    until(lambda: server.alive() and listening(8000), "the web server")
    seen, began = set(), time.monotonic()
    for _ in range(DOWNLOADS):
        url = f"http://{namespace.SERVER4}:8000/file"
        with urllib.request.urlopen(url) as answer:
            received = hashlib.sha256()
            while part := answer.read(1 << 20):
                received.update(part)
                seen |= threads(server)
        assert received.digest() == hashlib.sha256(content).digest()
    took = time.monotonic() - began
    with open(f"/proc/{server.child.pid}/maps") as maps:
        assert servers.LIBRARY in maps.read(), "the library was not loaded"
    server.stop()
    assert "dnstapshim" not in seen and not collector.connections, seen
    assert "dnstapshim" not in server.output(), server.output()
    return f"{DOWNLOADS * LARGE >> 20} MiB the same in {took:.1f} s, no tap"


FORGED = 40  # at once; a server's socket holds more


def forged(mix):
    """A response to some question."""
    message = bytearray(mix.next().message)
    message[2] |= dns.QR >> 8
    return bytes(message)


@each(("named", "knotd", "nsd", "unbound", "dnsmasq", "dnsdist"))
def test_forged(name):
    """Responses, to a server that has asked nobody from there."""
    collector = Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full", **SETTING)
    server, mix, forging = scene.server.addresses[0], load.Mix(name), load.Mix("forged", 0)
    for _ in range(20):
        for source in ("192.0.2.7", 53), (namespace.CLIENTS4[1], 5353):
            load.spoof(source, (server, 53), forged(forging), FORGED)
        load.udp(scene.server.addresses, 30, mix)
    scene.stop(collector)
    row = scene.check(collector.taps(orderly=scene.server.server.lingers))
    count = scene.unsolicited()
    assert count >= 20 * 2 * FORGED, count
    if scene.server.server.lingers:
        metrics = Metrics()
        metrics.check()
        assert metrics.dropped["unsolicited"] == count, metrics.drops()
    return {**row, "forged": count}


# A message that cannot hold what its header claims.
CLAIMS = struct.pack("!6H", 5000, 0, 0, 65535, 65535, 65535) + bytes(5002 - 12)


# What a stranger says on a TCP connection to port 53.
WORDS = {
    "http": lambda draw: b"GET / HTTP/1.1\r\nHost: host1.test\r\n\r\n",
    "tls": lambda draw: client_hello(),
    "ssh": lambda draw: b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "random": lambda draw: draw.randbytes(3000),
    "empty": lambda draw: bytes(200),  # messages of no octets
    "claims": lambda draw: CLAIMS,
    "longest": lambda draw: b"\xff" * 70000,
}


def speak(words):
    """From an address of its own, until the server has had enough."""
    with socket.create_connection((namespace.SERVER4, 53), 5,
                                  (namespace.UPSTREAM, 0)) as connection:
        try:
            connection.sendall(words)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass
        except OSError:
            pass  # a reset is fine


def is_message(words):
    """Do they begin with a length and as many octets?"""
    return len(words) >= 2 + int.from_bytes(words[:2], "big")


def strange(tap):
    return namespace.UPSTREAM in (tap.query_address, tap.response_address)


@each(WORDS)
def test_on_port_53(kind):
    """Strangers come while others are served."""
    collector, draw = Collector(), random.Random(kind)
    scene = Scene("named", f"dnstap {collector.endpoint} full", **SETTING)
    strangers = threading.Thread(target=lambda: [
        speak(WORDS[kind](draw)) for _ in range(STRANGERS)])
    strangers.start()
    mix = load.Mix(kind, odd=0)
    while strangers.is_alive():
        load.udp(scene.server.addresses, 50, mix)
        load.tcp(scene.server.addresses, 50, mix)
    scene.stop()
    metrics = Metrics()
    metrics.check()
    others = [fact for fact in scene.facts() if namespace.UPSTREAM not in fact.ends]
    taps = collector.taps()
    row = oracle.compare(others, [tap for tap in taps if not strange(tap)]).check()
    # What has a length and as many octets is a message, if it has a header.
    logged = sum(map(strange, taps))
    counted = metrics.dropped["malformed"] + metrics.dropped["unsolicited"]
    assert logged + counted >= STRANGERS * is_message(WORDS[kind](draw)), (
        logged, metrics.drops())
    assert not metrics.dropped["stream"], metrics.drops()
    return {"others' messages": row["messages"], "missing": row["missing"],
            "surplus": row["surplus"], "wrong": row["wrong"],
            "strangers": STRANGERS, "logged": logged,
            "counted": ", ".join(f"{count} {cause}" for cause, count
                                 in metrics.drops().items())}


@each(("named", "nsd", "unbound", "dnsdist", "kresd"))
def test_invisible(server):
    """Nobody hides what he asks behind a message that makes no sense."""
    collector, mix = Collector(), load.Mix(server, odd=0)
    scene = Scene(server, f"dnstap {collector.endpoint} full")
    address = scene.server.addresses[0]
    connection = load.Connection(address)
    connection.send([CLAIMS[:1000], CLAIMS[1000:]])
    answered = 0
    for _ in range(20):
        try:
            connection.send([load.framed([mix.next()])])
        except OSError:
            break  # it has hung up
        answered += connection.answer() is not None
    connection.drain()
    load.tcp([address], 10, mix)
    scene.stop(collector)
    row = scene.check(collector.taps(scene.server.server.lingers))
    return {**row, "answered": answered}
