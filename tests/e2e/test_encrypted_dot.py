# SPDX-License-Identifier: Apache-2.0
"""DNS over TLS as servers serve it: what the clients sent and got against the log."""

from harness import dot, encrypted, load
from harness.collector import Collector
from harness.each import each
from harness.encrypted import EncryptedScene

QUERIES, CONNECTIONS = 400, 24


@each(encrypted.SERVERS)
def test_complete(name):
    """And over UDP and TCP at the same time."""
    collector = Collector()
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full")
    load.udp(scene.server.addresses, 100, load.Mix(name))
    dot.ask(scene, QUERIES, load.Mix(f"{name} dot", odd=0), CONNECTIONS)
    load.tcp(scene.server.addresses, 50, load.Mix(f"{name} tcp"))
    scene.stop(collector)
    return scene.check(collector.taps(orderly=scene.server.server.lingers))


def test_load():
    """Many at once, of a server with several threads that lets libuv do its reading."""
    collector = Collector()
    scene = EncryptedScene("named", f"dnstap {collector.endpoint} full")
    dot.ask(scene, 10000, load.Mix("load", odd=0), 200)
    scene.stop(collector)
    return scene.check(collector.taps())
