# SPDX-License-Identifier: Apache-2.0
"""nginx in front of a server: it takes the encryption off, or puts it on, and passes on
octets of which it knows nothing. The log is that of a forwarder."""

from harness import dot, encrypted, load, metrics, oracle, servers
from harness.collector import Collector
from harness.encrypted import EncryptedScene
from harness.scene import Scene
from harness.tls_upstream import BEHIND, Dot, Upstream

QUERIES, CONNECTIONS = 400, 24
TEXT = encrypted.with_pem("""
daemon off;
user root;
pid nginx.pid;
error_log stderr;
worker_processes 2;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events { }
stream {
    ssl_certificate $cert;
    ssl_certificate_key $key;
    proxy_timeout 600;
    proxy_responses 1;
    server {
        listen $v4:53 udp;
        listen [$v6]:53 udp;
        proxy_pass $upstream:53;
    }
    server {
        listen $v4:53;
        listen [$v6]:53;
        proxy_pass $tcp;
    }
    server {
        listen $v4:853 ssl;
        listen [$v6]:853 ssl;
        proxy_pass $upstream:53;
    }
}
""")


def nginx(tcp):
    """tcp: whom it asks what comes over TCP."""
    return servers.Server("nginx -p $room -c $room/nginx.conf",
                          {"nginx.conf": TEXT.replace("$tcp", tcp)}, upstream=True)


# Nothing strange over TCP: nginx does not read what servers answer to whom it has gone.


def test_takes_off():
    collector = Collector()
    scene = EncryptedScene("nginx", f"dnstap {collector.endpoint} full",
                           variant=nginx("$upstream:53"))
    load.udp(scene.server.addresses, 100, load.Mix("nginx"))
    dot.ask(scene, QUERIES, load.Mix("nginx dot", odd=0), CONNECTIONS)
    load.tcp(scene.server.addresses, 50, load.Mix("nginx tcp", odd=0))
    scene.stop(collector)
    return scene.check(collector.taps())


def test_puts_on():
    encrypted.authority()
    servers.Running("nsd", address=BEHIND, variant=servers.variant(
        "nsd", ("    ip-address: $v6\n", ""), file="nsd.conf", inet6=False))
    upstream, collector = Upstream(Dot), Collector()
    scene = Scene("nginx", f"dnstap {collector.endpoint} full", ("UDP", "TCP", "DOT"),
                  variant=nginx("$upstream:853; proxy_ssl on"))
    scene.counts_all = False  # but below
    scene.wire.leave_out_streams((encrypted.DOT,))
    load.udp(scene.server.addresses, 100, load.Mix("nginx"))
    load.tcp(scene.server.addresses, 100, load.Mix("nginx tcp", odd=0))
    scene.stop(collector)
    upstream.join()
    asked, taps = upstream.record.facts, collector.taps()
    row = oracle.compare(scene.facts() + asked, taps).check()
    metrics.check(len(scene.facts()) + scene.unsolicited() + len(asked))
    assert not oracle.disorder(asked, taps)
    return row
