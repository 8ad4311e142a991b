# SPDX-License-Identifier: Apache-2.0
"""tls://: who is accepted, who is refused, and what the log says of it."""

import dataclasses
import os
import socket
import ssl
import subprocess

from harness import cli, dnstap, framestream, load, namespace, servers
from harness.certificates import Authority, openssl
from harness.collector import Collector, listening, shown
from harness.each import each
from harness.metrics import Metrics
from harness.process import program, until
from harness.scene import Scene

QUERIES = 200
PORT = 6000
PAST = ("20200101000000Z", "20200102000000Z")
BY_NAME, BY_ADDRESS = f"tls://localhost:{PORT}", f"tls://127.0.0.1:{PORT}"


class Setting:
    """A collector with a certificate, and who may connect to it."""

    def __init__(self, *names, dates=None, clients=False):
        self.ours, self.theirs = Authority("ours"), Authority("theirs")
        more = {"dates": dates} if dates else {}
        files = self.ours.sign("collector", *names, **more)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*files)
        if clients:
            self.context.load_verify_locations(self.ours.certificate)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.files = files

    def listen(self, **how):
        self.collector = Collector(PORT, tls=self.context, **how)
        return self


GOOD = "DNS:localhost", "IP:127.0.0.1"

# What is tapped to, of which a Setting fills in the files.
ACCEPTED = {
    "name": lambda: (Setting(*GOOD), f"{BY_NAME} full {{ tls {{ours}} }}"),
    "address": lambda: (Setting(*GOOD), f"{BY_ADDRESS} full {{ tls {{ours}} }}"),
    "servername": lambda: (
        Setting("DNS:tap.example"),
        f"{BY_ADDRESS} full {{ tls {{ours}}; tls_servername tap.example }}"),
    "wildcard": lambda: (
        Setting("DNS:*.example.net"),
        f"{BY_ADDRESS} full {{ tls {{ours}}; tls_servername tap.example.net }}"),
    "skipverify": lambda: (Setting("DNS:other.example", dates=PAST),
                           f"{BY_NAME} full {{ skipverify }}"),
    "client": lambda: (Setting(*GOOD, clients=True),
                       f"{BY_NAME} full {{ tls {{client}} {{ours}} }}"),
    "unidirectional": lambda: (
        Setting(*GOOD), f"{BY_NAME} full {{ tls {{ours}}; unidirectional }}"),
}

# Likewise, and what the log must say.
REFUSED = {
    "wrong_name": lambda: (
        Setting("DNS:other.example"), f"{BY_NAME} full {{ tls {{ours}} }}",
        "not accepted for localhost: hostname mismatch"),
    "wrong_address": lambda: (
        Setting("DNS:localhost"), f"{BY_ADDRESS} full {{ tls {{ours}} }}",
        "not accepted for 127.0.0.1: IP address mismatch"),
    "wrong_servername": lambda: (
        Setting(*GOOD),
        f"{BY_NAME} full {{ tls {{ours}}; tls_servername tap.example }}",
        "not accepted for tap.example: hostname mismatch"),
    # Its common name, "collector", is no name to go by.
    "common_name": lambda: (
        Setting(),
        f"{BY_ADDRESS} full {{ tls {{ours}}; tls_servername collector }}",
        "not accepted for collector: hostname mismatch (it has no subjectAltName)"),
    "partial_wildcard": lambda: (
        Setting("DNS:t*.example.net"),
        f"{BY_ADDRESS} full {{ tls {{ours}}; tls_servername tap.example.net }}",
        "not accepted for tap.example.net: hostname mismatch"),
    "expired": lambda: (
        Setting(*GOOD, dates=PAST), f"{BY_NAME} full {{ tls {{ours}} }}",
        "not accepted for localhost: certificate has expired"),
    "unknown_authority": lambda: (
        Setting(*GOOD), f"{BY_NAME} full {{ tls {{theirs}} }}",
        "not accepted for localhost: unable to get local issuer certificate"),
    "not_the_systems": lambda: (
        Setting(*GOOD), f"{BY_NAME} full",
        "not accepted for localhost: unable to get local issuer certificate"),
    "client_without": lambda: (
        Setting(*GOOD, clients=True), f"{BY_NAME} full {{ tls {{ours}} }}",
        "refused by the collector's TLS: certificate required (tls CERT KEY is not set)"),
    "client_of_others": lambda: (
        Setting(*GOOD, clients=True),
        f"{BY_NAME} full {{ tls {{stranger}} {{ours}} }}",
        "refused by the collector's TLS: unknown ca"),
}


def fill(text, setting):
    files = {"{ours}": setting.ours.certificate,
             "{theirs}": setting.theirs.certificate}
    if "{client}" in text:
        files["{client}"] = " ".join(setting.ours.sign("client"))
    if "{stranger}" in text:
        files["{stranger}"] = " ".join(setting.theirs.sign("stranger"))
    for key, value in files.items():
        text = text.replace(key, value)
    return f"dnstap {text}"


def ask(scene):
    load.udp(scene.server.addresses, QUERIES, load.Mix("tls"))
    return scene.settle()


@each(ACCEPTED)
def test_accepted(kind):
    setting, tap = ACCEPTED[kind]()
    setting.listen(unidirectional=kind == "unidirectional")
    scene = Scene("knotd", fill(tap, setting))
    setting.collector.wait(ask(scene))
    scene.stop()
    connected, = [line for line in scene.lines() if "dropped" not in line]
    assert "connected by TLSv1.3" in connected, connected
    return scene.check(setting.collector.taps())


@each(REFUSED)
def test_refused(kind):
    setting, tap, reason = REFUSED[kind]()
    setting.listen()
    scene = Scene("knotd", fill(tap, setting))
    ask(scene)
    until(lambda: any(reason in line for line in scene.lines()), reason)
    scene.stop()
    said, = [line for line in scene.lines() if "dropped" not in line]
    assert reason in said and "; retrying in 10 ms, later every 5 s" in said, said
    assert not setting.collector.frames
    assert all(connection.state != framestream.START
               for connection, _ in setting.collector.connections)
    return said.partition(": ")[2]


def test_systems_store():
    """Of the system's authorities, read before tinydns changes its root."""
    setting = Setting(*GOOD).listen()
    scene = Scene("tinydns", f"dnstap {BY_ADDRESS} full",
                  SSL_CERT_FILE=setting.ours.certificate)
    setting.collector.wait(ask(scene))
    scene.stop(setting.collector)
    return scene.check(setting.collector.taps(orderly=False))


def test_chroot():
    """Files that lie outside of tinydns's root by the time they are used."""
    setting = Setting(*GOOD, clients=True).listen()
    scene = Scene("tinydns", fill(
        f"{BY_ADDRESS} full {{ tls {{client}} {{ours}} }}", setting))
    setting.collector.wait(ask(scene))
    scene.stop(setting.collector)
    return scene.check(setting.collector.taps(orderly=False))


BAD = {
    "absent": ("tls /mnt/no.pem /mnt/no.key", "/mnt/no.pem: No such file"),
    "not_pem": ("tls /etc/passwd /etc/passwd",
                "/etc/passwd: expected a certificate in PEM"),
    "other_key": ("tls {client_certificate} {other_key}",
                  "expected the certificate's key: key values mismatch"),
    "passphrase": ("tls {client_certificate} {locked}",
                   "expected a key in PEM, without a passphrase"),
    "no_authority": ("tls /etc/passwd", "expected certificates in PEM"),
}


@each(BAD)
def test_bad_file(kind):
    """A mistake in the configuration: one line, and a server that answers."""
    text, reason = BAD[kind]
    ours = Authority("ours")
    certificate, key = ours.sign("client")
    locked = f"{namespace.ROOM}/locked.key"
    openssl("pkcs8", "-topk8", "-in", key, "-passout", "pass:x", "-out", locked)
    for word, path in {"{client_certificate}": certificate, "{locked}": locked,
                       "{other_key}": ours.key}.items():
        text = text.replace(word, path)
    tap = f"dnstap {BY_NAME} full {{ {text} }}"
    assert reason in cli.refused(cli.CONFIG, "check", "-", input=tap.encode())
    scene = Scene("knotd", tap)
    ask(scene)
    scene.stop()
    said, = scene.lines()
    assert "not tapped: " in said and reason in said, said
    return said.partition("not tapped: ")[2]


def test_bad_file_of_client():
    """A program that binds no DNS port hears of it from the tap's thread."""
    done = subprocess.run(
        [program("dig"), "+tries=1", "+time=1", f"@{namespace.SERVER4}", "host1.test"],
        env=servers.tap_environment(
            f"dnstap {BY_NAME} full {{ tls /etc/passwd /etc/passwd }}"),
        text=True, capture_output=True)
    assert done.returncode == 9, done
    assert BAD["not_pem"][1] in done.stderr, done


def faults(config):
    """Pages that a program touches which merely starts: no load changes that."""
    child = os.posix_spawn("/bin/true", ["true"], servers.tap_environment(config))
    _, status, used = os.wait4(child, 0)
    assert not status
    return used.ru_minflt


def test_no_server():
    """A program that has nothing to do with DNS is spared OpenSSL."""
    ours = Authority("ours")
    certificate, key = ours.sign("client")
    own = f"{BY_NAME} full {{ tls {certificate} {key} {ours.certificate} }}"
    more = faults(f"dnstap {own}") - faults(f"dnstap unix://{namespace.ROOM}/tap.sock full")
    assert more < 50, more
    return f"{more} pages"


def test_s_server():
    """OpenSSL's own server takes the stream, others' tool reads it."""
    setting = Setting(*GOOD)
    path = f"{namespace.ROOM}/taken.fstrm"
    with open(path, "wb") as taken:
        server = subprocess.Popen(
            [program("openssl"), "s_server", "-4", "-accept", str(PORT), "-quiet",
             "-cert", setting.files[0], "-key", setting.files[1], "-naccept",
             "1"], stdin=subprocess.PIPE, stdout=taken)
    until(lambda: listening(PORT), "s_server")
    scene = Scene("knotd", fill(
        f"{BY_NAME} full {{ tls {{ours}}; unidirectional }}", setting))
    ask(scene)
    scene.stop()
    server.wait(10)
    taps = [dnstap.decode(frame) for frame in framestream.read_file(path)]
    assert len(shown(path)) == len(taps)
    return scene.check(taps)


def test_restarted():
    """Idle when its collector dies; asked on while there is none."""
    setting = Setting(*GOOD).listen()
    scene = Scene("knotd", fill(f"{BY_NAME} full {{ tls {{ours}} }}", setting))
    first = setting.collector
    first.wait(ask(scene))
    first.kill()
    ask(scene)
    second = setting.listen().collector
    ask(scene)
    scene.stop()
    said = [line for line in scene.lines() if "dropped" not in line]
    assert ": hung up; " in said[1], said
    return scene.check(first.taps() + second.taps())


def test_paused():
    """Records that are written in part, and frames that come in meanwhile."""
    setting = Setting(*GOOD).listen()
    setting.collector.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    scene = Scene("knotd", fill(f"{BY_NAME} full 1 10 {{ tls {{ours}} }}", setting))
    setting.collector.wait(ask(scene))
    setting.collector.pause()
    for turn in range(3):
        load.udp(scene.server.addresses, 20 * QUERIES, load.Mix(f"paused {turn}"))
    scene.settle()
    assert len(setting.collector.frames) < len(scene.facts()) // 4
    setting.collector.resume()
    setting.collector.wait(len(scene.facts()))
    scene.stop()
    return scene.check(setting.collector.taps())


@each(["named", "dnsmasq", "nsd", "unbound"])
def test_server(name):
    """Servers that fork, that link OpenSSL themselves, that ask others."""
    setting = Setting(*GOOD).listen()
    scene = Scene(name, fill(f"{BY_NAME} full {{ tls {{ours}} }}", setting))
    ask(scene)
    load.tcp(scene.server.addresses, QUERIES // 4, load.Mix("tls"))
    count = scene.settle()
    until(lambda: len(setting.collector.frames) + lost() >= count, "all or its loss")
    scene.stop()
    verdict = scene.compare(setting.collector.taps(orderly=not lost()))
    assert len(verdict.missing) <= lost() < count // 4, verdict.text()
    verdict.missing.clear()
    return {**verdict.check(), "counted": lost()}


def lost():
    """A child has little time, and a handshake takes long on a busy machine. What is
    lost so has not been looked at: it may be no message that would be logged."""
    return Metrics().dropped["endpoint"]


def test_little_memory():
    """All of the system's authorities under tinydns's usual limit."""
    servers.SERVERS["limited"] = dataclasses.replace(
        servers.SERVERS["tinydns"], command="prlimit --data=4194304 tinydns")
    setting = Setting(*GOOD).listen()
    store = f"{namespace.ROOM}/store.pem"
    system = "/etc/ssl/certs/ca-certificates.crt"
    with open(store, "w") as out:
        for path in system, setting.ours.certificate:
            if os.path.exists(path):
                out.write(open(path).read())
    scene = Scene("limited", f"dnstap {BY_ADDRESS} full", SSL_CERT_FILE=store)
    setting.collector.wait(ask(scene))
    scene.stop(setting.collector)
    return scene.check(setting.collector.taps(orderly=False))
