# SPDX-License-Identifier: Apache-2.0
"""Every example of the README of CoreDNS's dnstap plugin, as DNSTAP_CONFIG.

Word for word, but that /tmp is the room and example.com this machine.
"""

import ssl
import subprocess

from harness import load, namespace
from harness.certificates import Authority
from harness.collector import Caller, Collector
from harness.each import each
from harness.scene import Scene

QUERIES = 200


def unix(name="dnstap.sock"):
    return lambda: Collector(name=name)


def tcp():
    return Collector(6000)


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Authority("unknown").sign("collector"))
    return Collector(6000, tls=context)


EXAMPLES = {
    "full": ("dnstap /tmp/dnstap.sock full", [unix()]),
    "unix": ("dnstap unix:///tmp/dnstap.sock full", [unix()]),
    "without": ("dnstap /tmp/dnstap.sock", [unix()]),
    "tcp": ("dnstap tcp://127.0.0.1:6000 full", [tcp]),
    "name": ("dnstap tcp://example.com:6000 full", [tcp]),
    "tls": ("""dnstap tls://127.0.0.1:6000 full {
  skipverify
}""", [tls]),
    "identity": ("""dnstap /tmp/dnstap.sock full {
  identity my-dns-server1
}""", [unix()]),
    "version": ("""dnstap /tmp/dnstap.sock full {
  version MyDNS-1.0
}""", [unix()]),
    "extra": ("""dnstap /tmp/dnstap.sock full {
  extra "upstream: {/forward/upstream}"
}""", [unix()]),
    "buffers": ("dnstap /tmp/dnstap.sock full 1024 2048", [unix()]),
    "two": ("""dnstap /tmp/dnstap1.sock full
dnstap tcp://127.0.0.1:6000 full""", [unix("dnstap1.sock"), tcp]),
    "two_sockets": ("""dnstap /tmp/dnstap1.sock full
dnstap /tmp/dnstap2.sock full""", [unix("dnstap1.sock"), unix("dnstap2.sock")]),
}

# What each tap of an example says beside the messages.
FIELDS = {"identity": ("identity", b"my-dns-server1"),
          "version": ("version", b"MyDNS-1.0")}


def hosts():
    path = f"{namespace.ROOM}/hosts"
    with open(path, "w") as file:
        file.write("127.0.0.1 localhost example.com\n")
    subprocess.run(["mount", "--bind", path, "/etc/hosts"], check=True)


@each(EXAMPLES)
def test_example(kind):
    hosts()
    text, makers = EXAMPLES[kind]
    collectors = [make() for make in makers]
    scene = Scene("dnsmasq", text.replace("/tmp/", f"{namespace.ROOM}/"),
                  protocols=("UDP",))
    load.udp(scene.server.addresses, QUERIES, load.Mix(kind))
    scene.stop()
    for collector in collectors:
        taps = collector.taps()
        if kind == "without":
            assert len(taps) == len(scene.facts())
            assert not any(tap.payload for tap in taps)
            return f"{len(taps)} messages"
        row = scene.check(taps)
    if kind in FIELDS:
        field, value = FIELDS[kind]
        assert {getattr(tap, field) for tap in taps} == {value}
    if kind == "extra":
        of = {type: {tap.extra for tap in taps if tap.type == type}
              for type in ("FORWARDER_QUERY", "CLIENT_QUERY")}
        assert of["FORWARDER_QUERY"] == {
            f"upstream: {namespace.UPSTREAM}:53".encode()}, of
        assert of["CLIENT_QUERY"] == {b"upstream: -"}, of
    return row


def test_listen():
    scene = Scene("dnsmasq", "dnstap listen tcp://127.0.0.1:6000 full",
                  protocols=("UDP",))
    before = scene.settle()
    collector = Caller(("127.0.0.1", 6000)).greeted()
    load.udp(scene.server.addresses, QUERIES, load.Mix("listen"))
    scene.stop()
    return scene.check_from(before, collector.taps())
