# SPDX-License-Identifier: Apache-2.0
"""DNS over HTTPS as servers serve it: what the clients sent and got against the log."""

from harness import doh, encrypted, load
from harness.collector import Collector
from harness.each import each
from harness.encrypted import DOH, EncryptedScene

QUERIES, CONNECTIONS = 200, 12


def scene(name):
    collector = Collector()
    return collector, EncryptedScene(name, f"dnstap {collector.endpoint} full",
                                     ports=(DOH,))


@each(encrypted.SERVING_DOH)
def test_http2(name):
    """And over UDP and TCP at the same time."""
    collector, here = scene(name)
    load.udp(here.server.addresses, 100, load.Mix(name))
    doh.ask(here, QUERIES, name, CONNECTIONS,
            plain=name in encrypted.PLAIN_BODIES)
    load.tcp(here.server.addresses, 50, load.Mix(f"{name} tcp"))
    here.stop(collector)
    return here.check(collector.taps(orderly=here.server.server.lingers))


def test_http1():
    doh.want_http1()
    collector, here = scene("dnsdist")
    doh.ask(here, QUERIES, "dnsdist", CONNECTIONS, doh.Http1)
    here.stop(collector)
    return here.check(collector.taps(orderly=here.server.server.lingers))
