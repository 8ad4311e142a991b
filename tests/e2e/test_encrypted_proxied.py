# SPDX-License-Identifier: Apache-2.0
"""Clients of DNS over TLS that a proxy introduces, as the first that is said within
TLS: so both servers want it that read the PROXY protocol."""

from dataclasses import replace

from harness import dot, encrypted, load, namespace, tls
from harness.collector import Collector
from harness.each import each
from harness.encrypted import DOT, EncryptedScene
from test_proxied_tcp import version_2, with_values

CONNECTIONS, PROXY = 12, "127.0.0.76"
CLIENT = "203.0.113.9"


SERVERS = {
    "unbound": ("unbound.conf", "    tls-port: 853\n",
                "    tls-port: 853\n    proxy-protocol-port: 853\n"),
    "dnsdist": ("dnsdist.conf", "setACL",
                f"setProxyProtocolACL('{PROXY}/32')\nsetACL"),
}


@each(SERVERS)
def test_introduced(name):
    file, old, new = SERVERS[name]
    server, collector = encrypted.SERVERS[name], Collector()
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full", replace(
        server, files={file: server.files[file].replace(old, new)}))
    made, mix, players = tls.context(scene.authority), load.Mix(name, odd=0), []
    for number in range(CONNECTIONS):
        stream = tls.Stream(namespace.SERVER4, DOT, made, source=PROXY)
        stream.held.append((version_2, with_values)[number % 2](CLIENT, 1024 + number))
        stream.asker = CLIENT, 1024 + number
        players.append(dot.Asker(
            stream, scene.record, [mix.next() for _ in range(10)], records="within",
            segment=list(tls.SEGMENTS.values())[number % len(tls.SEGMENTS)]))
    tls.play(players, name)
    scene.stop(collector)
    return scene.check(collector.taps(orderly=scene.server.server.lingers))
