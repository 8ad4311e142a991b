# SPDX-License-Identifier: Apache-2.0
"""TLS in all its forms: versions, resumed sessions, a second hello, new keys, new
handshakes, certificates of clients. Whatever it is, the log agrees with the clients."""

import os
import socket
import ssl
from dataclasses import replace

from harness import (certificates, dns, dot, encrypted, host, load, namespace, openssl,
                     oracle, tls)
from harness.collector import Collector, listening
from harness.each import each
from harness.encrypted import AUTHORITY, DOT, EncryptedScene
from harness.process import PATIENCE, until
from harness.record import Record

CONNECTIONS = 12
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
GNUTLS = {"kresd"}  # which hangs up on new keys
# The first group that clients offer, they do not have.
OPENSSL_CONF = """openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = here
[here]
$settings
"""
GNUTLS_CONF = """[overrides]
disabled-curve = x25519
disabled-curve = x448
"""


def configured(name, settings):
    """The server, with settings of its library's."""
    server = encrypted.SERVERS[name]
    file, text, variable = (
        ("gnutls", GNUTLS_CONF, "GNUTLS_SYSTEM_PRIORITY_FILE") if name in GNUTLS else
        ("openssl", OPENSSL_CONF.replace("$settings", settings), "OPENSSL_CONF"))
    return replace(server, files={**server.files, file: text},
                   environment={variable: f"$room/{file}"})


def scene(name, variant=None):
    collector = Collector()
    return collector, EncryptedScene(name, f"dnstap {collector.endpoint} full",
                                     variant=variant)


def checked(collector, here):
    here.stop(collector)
    return here.check(collector.taps(orderly=here.server.server.lingers))


def asker(here, made, mix, session=None, count=10):
    stream = tls.Stream(namespace.SERVER4, DOT, made, session=session)
    return dot.Asker(stream, here.record, [mix.next() for _ in range(count)],
                     records="within")


@each(f"{name} {version}" for name in encrypted.SERVERS for version in VERSIONS)
def test_resumed(which):
    """One session that is resumed by several connections at once."""
    name, version = which.split()
    collector, here = scene(name)
    made = tls.context(here.authority, version=VERSIONS[version])
    mix = load.Mix(which, odd=0)
    first = asker(here, made, mix)
    tls.play([first], which)
    session = first.stream.tls.session
    others = [asker(here, made, mix, session) for _ in range(CONNECTIONS)]
    tls.play(others, which)
    resumed = sum(other.stream.tls.session_reused for other in others)
    return {"resumed": resumed, **checked(collector, here)}


@each(encrypted.SERVERS)
def test_second_hello(name):
    """RFC 8446 4.1.4."""
    collector, here = scene(name, configured(name, "Groups = P-256"))
    made, mix = tls.context(here.authority), load.Mix(name, odd=0)
    players = [asker(here, made, mix) for _ in range(CONNECTIONS)]
    tls.play(players, name)
    assert {player.stream.hellos for player in players} == {2}, "no second hello"
    return checked(collector, here)


def query(ident):
    return dns.query(ident, f"host{ident % 50}.test", rd=True)


@each(name for name in encrypted.SERVERS if name not in GNUTLS)
def test_new_keys(name):
    collector, here = scene(name)
    clients = [openssl.Client(here.record) for _ in range(3)]
    for ident in range(30):
        client = clients[ident % len(clients)]
        client.ask(query(ident))
        client.update_keys()
    for client in clients:
        client.close()
    return checked(collector, here)


@each(encrypted.SERVERS)
def test_new_handshake(name):
    """Most servers refuse. Where they do not, the hellos have other random numbers
    than those that the connection began with."""
    collector, here = scene(name, None if name in GNUTLS else
                            configured(name, "Options = ClientRenegotiation"))
    agreed = 0
    for ident in range(10):
        client = openssl.Client(here.record, newest=openssl.TLS1_2)
        client.ask(query(ident))
        if client.renegotiate():
            agreed += 1
            client.ask(query(ident + 100))
        client.close()
    return {"agreed": agreed, **checked(collector, here)}


# Of a certificate, which OpenSSL does since 3.2 (RFC 8879).
OP_NO_TX_CERTIFICATE_COMPRESSION = 1 << 32


def test_client_certificate():
    """A large one, which comes in many records."""
    server = encrypted.SERVERS["named"]
    text = server.files["named.conf"].replace(
        "key-file", f'ca-file "{namespace.ROOM}/{AUTHORITY}/authority.pem"; key-file')
    collector, here = scene("named", replace(
        server, files={**server.files, "named.conf": text}))
    pem = here.authority.sign("client", *(f"DNS:name{n}.example" for n in range(1500)))
    assert os.path.getsize(pem[0]) > 1 << 15
    made, mix = tls.context(here.authority), load.Mix("certificate", odd=0)
    made.options |= OP_NO_TX_CERTIFICATE_COMPRESSION
    made.load_cert_chain(*pem)
    players = [asker(here, made, mix) for _ in range(CONNECTIONS)]
    tls.play(players, "certificate")
    assert min(player.stream.total for player in players) > 1 << 14
    return checked(collector, here)


def asks(port, version, name):
    """Returns the connection, the query and its answer."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.minimum_version = made.maximum_version = VERSIONS[version]
    client = made.wrap_socket(socket.create_connection(
        (namespace.SERVER4, port), PATIENCE))
    asked = dns.query(1, name)
    client.sendall(len(asked).to_bytes(2, "big") + asked)
    answer = b""
    while len(answer) < 2 + len(asked):
        answer += client.recv(4096)
    return client, asked, answer[2:]


@each(f"{scene} {version}" for scene in ("handshake", "read", "gnutls")
      for version in VERSIONS)
def test_freed_unseen(which):
    """A session that lies where another one was, which was freed where nobody saw it,
    is not taken for that one."""
    scene, version = which.split()
    certificates.Authority("authority").sign("server")
    running = host.Host(host.build("stale_gnutls", "-lgnutls"), "handshake"
                        ) if scene == "gnutls" else host.Host(
                            host.build("stale", "-lssl", "-lcrypto"), scene)
    until(lambda: running.process.alive() and listening(8443), "its sockets")
    first, *said = asks(DOT, version, "dns.test")
    second, *_ = asks(8443, version, "other.test")
    running.end()
    first.close(), second.close()
    assert [tap.payload for tap in running.collector.taps()] == said


EARLY = {"early_data": ["-lssl", "-lcrypto"], "early_gnutls": ["-lgnutls"]}


@each(EARLY)
def test_early_data(name):
    """RFC 8446 2.3: a query before the handshake is over, and OpenSSL's answer as
    well."""
    certificates.Authority("authority").sign("server")
    running = host.Host(host.build(name, *EARLY[name]), "two")
    until(lambda: running.process.alive() and listening(DOT), "its socket")
    record = Record()
    first = openssl.Client(record)
    first.ask(query(1))
    second = openssl.Client(record, session=first.end(), early=query(2))
    second.ask(query(3))
    second.close()
    running.end()
    return oracle.compare(record.facts, running.collector.taps()).check()
