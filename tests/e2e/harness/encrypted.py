# SPDX-License-Identifier: Apache-2.0
"""Servers that speak DNS over TLS and over HTTPS, and a scene with one of them.

The wire tells nothing of what is encrypted, so there the clients' own record takes
its place (harness/record.py).
"""

from . import certificates, metrics, namespace, oracle, servers
from .collector import listening
from .process import until
from .record import Record
from .scene import Scene

DOT, DOH = 853, 443
PATH = "/dns-query"
AUTHORITY = "authority"  # its directory in the room
NAME = "localhost"
CERTIFICATE = f"{namespace.ROOM}/{AUTHORITY}/server.pem"
KEY = f"{namespace.ROOM}/{AUTHORITY}/server.key"


def with_pem(text):
    return text.replace("$cert", CERTIFICATE).replace("$key", KEY)


def _variant(name, file, *changes, **fields):
    return servers.variant(name, *((old, with_pem(new)) for old, new in changes),
                           file=file, **fields)


# Waits are long: a busy machine is no reason to hang up on a client.
NAMED = """listen-on { $v4; }; listen-on-v6 { $v6; };
    listen-on port 853 tls here { $v4; }; listen-on-v6 port 853 tls here { $v6; };
    listen-on port 443 tls here http here { $v4; };
    listen-on-v6 port 443 tls here http here { $v6; };
    tcp-clients 1000; tcp-initial-timeout 1200; tcp-idle-timeout 1200;
    http-listener-clients 1000;"""

SERVERS = {
    "named": _variant(
        "named", "named.conf",
        ("\noptions {", '\ntls here { cert-file "$cert"; key-file "$key"; };\n'
                        'http here { endpoints { "/dns-query"; }; };\noptions {'),
        ("listen-on { $v4; }; listen-on-v6 { $v6; };", NAMED)),
    "unbound": _variant(
        "unbound", "unbound.conf", ("    interface: $v6\n", """    interface: $v6
    interface: $v4@853
    interface: $v6@853
    interface: $v4@443
    interface: $v6@443
    tls-port: 853
    https-port: 443
    tls-service-key: "$key"
    tls-service-pem: "$cert"
    incoming-num-tcp: 1000
    outgoing-num-tcp: 100
    tcp-idle-timeout: 600000
""")),
    "nsd": _variant(
        "nsd", "nsd.conf", ("    ip-address: $v6\n", """    ip-address: $v6
    ip-address: $v4@853
    ip-address: $v6@853
    tls-port: 853
    tls-service-key: "$key"
    tls-service-pem: "$cert"
    tcp-count: 1000
    tcp-timeout: 600
""")),
    "dnsdist": _variant(
        "dnsdist", "dnsdist.conf", ("setACL", """
addTLSLocal('$v4:853', '$cert', '$key', {provider='openssl'})
addTLSLocal('[$v6]:853', '$cert', '$key', {provider='openssl'})
addDOHLocal('$v4:443', '$cert', '$key', '/dns-query', {idleTimeout=600})
addDOHLocal('[$v6]:443', '$cert', '$key', '/dns-query', {idleTimeout=600})
setTCPRecvTimeout(600)
setTCPSendTimeout(600)
setMaxTCPClientThreads(2)
setACL""")),
    "kresd": _variant(
        "kresd", "kresd.conf", ("53)\n", """53)
net.tls('$cert', '$key')
net.listen({'$v4', '$v6'}, 853, {kind = 'tls'})
net.listen({'$v4', '$v6'}, 443, {kind = 'doh2'})
""")),
}
SERVING_DOH = [name for name in SERVERS if name != "nsd"]
# Of several messages in one record these read the first, and wait for more octets.
ONE_A_RECORD = {"nsd", "dnsdist"}
# A client that ends without an alert costs others their connections: what OpenSSL has
# said of one, the next call on another is taken to have said. So it hangs up now and
# then on one that has said nothing, bare as well.
NEEDS_AN_END = {"dnsdist"}
# Of a longer body over HTTP/2 it does not read the end.
LONGEST = {"named": 468}
# It refuses a stream while the body of another is not there, and takes but
# one piece of it.
PLAIN_BODIES = {"kresd"}


def authority():
    """Makes the room's certificates. Returns the authority."""
    made = certificates.Authority(AUTHORITY)
    made.sign("server", f"DNS:{NAME}")
    return made


class EncryptedScene(Scene):
    """A server of the table, or `variant`, and what its clients over TLS recorded."""

    def __init__(self, name, tap, variant=None, ports=(DOT,), made=None, **settings):
        """made: the authority, if there is one."""
        self.name, self.authority, self.record = name, made or authority(), Record()
        from . import tls  # which needs this module
        tls.Player.again = name in NEEDS_AN_END
        super().__init__(name, tap, ("UDP", "TCP", "DOT", "DOH"),
                         variant=variant or SERVERS[name], **settings)
        self.wire.leave_out_streams((DOT, DOH))
        for port in ports:
            until(lambda: self.server.process.alive() and listening(port),
                  f"{name} on port {port}")

    def facts(self):
        return super().facts() + self.record.facts

    def _account(self):
        if self.counts_all and self.server.server.lingers:
            metrics.check(self.record.unsolicited + len(self.record.facts) + len(
                oracle.crossed(self.wire.messages(), self.server.addresses, self.asks)))

    def compare(self, taps):
        taps = list(filter(self._matters, taps))
        verdict = oracle.compare(self.facts(), taps)
        verdict.wrong += oracle.disorder(self.record.facts, taps)
        return verdict
