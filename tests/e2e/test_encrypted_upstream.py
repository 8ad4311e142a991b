# SPDX-License-Identifier: Apache-2.0
"""What servers ask others over TLS and HTTPS: what those recorded against the log."""

from collections import Counter

from harness import encrypted, load, metrics, namespace, oracle, servers
from harness.collector import Collector
from harness.each import each
from harness.scene import Scene
from harness.tls_upstream import BEHIND, Doh, Dot, Upstream

QUERIES = 200

FORWARDER, BOTH = {"FORWARDER"}, {"FORWARDER", "RESOLVER"}
STUBBY = servers.Server("stubby -C $room/stubby.yml", {"stubby.yml": """
resolution_type: GETDNS_RESOLUTION_STUB
dns_transport_list: [GETDNS_TRANSPORT_TLS]
tls_authentication: GETDNS_AUTHENTICATION_NONE
idle_timeout: 600000
timeout: 60000
listen_addresses: [ $v4 ]
upstream_recursive_servers:
  - address_data: $upstream
    tls_port: 853
    tls_auth_name: "localhost"
"""}, inet6=False)


def asking(name, file, old, new):
    return servers.variant(name, (old, new), file=file, upstream=False)


# (server, what its upstream speaks, types, configuration)
VARIANTS = {
    "unbound": ("unbound", Dot, FORWARDER, asking(
        "unbound", "unbound.conf", "forward-addr: $upstream",
        "forward-addr: $upstream@853\n    forward-tls-upstream: yes")),
    "dnsdist": ("dnsdist", Dot, BOTH, asking(
        "dnsdist", "dnsdist.conf", "address='$upstream:53'",
        "address='$upstream:853', tls='openssl', validateCertificates=false")),
    "dnsdist-https": ("dnsdist", Doh, BOTH, asking(
        "dnsdist", "dnsdist.conf", "address='$upstream:53'",
        "address='$upstream:443', tls='openssl', validateCertificates=false, "
        "dohPath='/dns-query', subjectName='localhost'")),
    "pdns_recursor": ("pdns_recursor", Dot, FORWARDER, asking(
        "pdns_recursor", "recursor.conf", "forward-zones=.=$upstream",
        "forward-zones-recurse=.=$upstream:853\nnetwork-timeout=100000")),
    "kresd": ("kresd", Dot, FORWARDER, asking(
        "kresd", "kresd.conf", "policy.FORWARD('$upstream')",
        "policy.TLS_FORWARD({{'$upstream', insecure=true}})")),
    "smartdns": ("smartdns", Dot, FORWARDER, asking(
        "smartdns", "smartdns.conf", "server $upstream",
        "server-tls $upstream -no-check-certificate")),
    "smartdns-https": ("smartdns", Doh, FORWARDER, asking(
        "smartdns", "smartdns.conf", "server $upstream",
        "server-https https://$upstream/dns-query -no-check-certificate")),
    "stubby": ("stubby", Dot, BOTH, STUBBY),
}


@each(VARIANTS)
def test_asks(variant):
    name, peer, kinds, server = VARIANTS[variant]
    encrypted.authority()
    servers.Running("nsd", address=namespace.UPSTREAM)
    servers.Running("nsd", address=BEHIND, variant=servers.variant(
        "nsd", ("    ip-address: $v6\n", ""), file="nsd.conf", inet6=False))
    upstream, collector = Upstream(peer), Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full",
                  ("UDP", "TCP", peer.PROTOCOL), variant=server)
    scene.asks.append(namespace.UPSTREAM)  # whom they may ask in the clear, too
    scene.counts_all = False  # but below
    scene.wire.leave_out_streams((peer.PORT,))
    load.udp(scene.server.addresses, QUERIES, load.Mix(name))
    load.tcp(scene.server.addresses, QUERIES // 4, load.Mix(f"{name} tcp"))
    scene.stop(collector)
    upstream.join()
    asked = upstream.record.facts
    taps = collector.taps(orderly=server.lingers)
    row = oracle.compare(scene.facts() + asked, taps).check()
    metrics.check(len(scene.facts()) + scene.unsolicited() + len(asked))
    assert not oracle.disorder(asked, taps)
    count = Counter(fact.type.partition("_")[0] for fact in asked)
    assert set(count) - {"UPDATE"} == kinds, count
    return {"asked": count.total(), "connections": len(upstream.peers), **row}
