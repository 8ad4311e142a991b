# SPDX-License-Identifier: Apache-2.0
"""Encrypted DNS on other ports: those that are named, and no others. And taps that
speak TLS themselves, in a server that does."""

from dataclasses import replace

from harness import dot, encrypted, load, metrics, namespace, tls
from harness.collector import Collector
from harness.each import each
from harness.encrypted import DOT, EncryptedScene

PORTS = (DOT, 5353, 8853)
QUERIES, CONNECTIONS = 60, 6

# What the settings say, and on which ports TLS is logged.
SETTINGS = {
    "unset": ({}, "", {853}),
    "other": ({"DNSTAP_TLS_PORTS": "8853"}, "", {8853}),
    "several": ({"DNSTAP_TLS_PORTS": "853,8853"}, "", {853, 8853}),
    "line": ({}, "tls_ports 8853\n", {8853}),
    "off": ({"DNSTAP_TLS_PORTS": "off"}, "", set()),
    "in-both": ({"DNSTAP_PORTS": "53,5353", "DNSTAP_TLS_PORTS": "853,5353"}, "",
                {853, 5353}),
}


def on_all():
    server = encrypted.SERVERS["named"]
    text, line = server.files["named.conf"], "listen-on port 853 tls here { $v4; };"
    assert line in text
    return replace(server, files={**server.files, "named.conf": text.replace(
        line, "".join(line.replace("853", str(port)) for port in PORTS))})


@each(SETTINGS)
def test_ports(setting):
    environment, line, ports = SETTINGS[setting]
    collector = Collector()
    scene = EncryptedScene("named", f"{line}dnstap {collector.endpoint} full",
                           variant=on_all(), ports=PORTS, **environment)
    scene.wire.leave_out_streams(PORTS)
    scene.counts_all = False
    mix = load.Mix(setting, odd=0)
    for port in PORTS:
        dot.ask(scene, QUERIES, mix, CONNECTIONS, address=namespace.SERVER4, port=port)
    load.tcp([namespace.SERVER4], 30, mix)
    scene.stop(collector)
    scene.record.facts = [fact for fact in scene.record.facts if fact.key[2] in ports]
    metrics.check(len(scene.facts()))
    return scene.check(collector.taps())


@each(("unbound", "nsd", "dnsdist"))  # their TLS library knows the socket
def test_dns_port(name):
    """A port that `ports` alone names, while nothing else is of TLS."""
    collector = Collector()
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full",
                           DNSTAP_PORTS=f"53,{DOT}", DNSTAP_TLS_PORTS="off")
    scene.counts_all = True
    mix = load.Mix(name, odd=0)
    load.tcp(scene.server.addresses, 20, mix)
    dot.ask(scene, QUERIES, mix, CONNECTIONS)
    load.tcp(scene.server.addresses, 20, mix)
    scene.stop(collector)
    return scene.check(collector.taps(orderly=scene.server.server.lingers))


@each(("named", "unbound", "kresd"))
def test_tap_over_tls(name):
    """What the library says by its own OpenSSL is none of the server's."""
    made = encrypted.authority()
    collector = Collector(port=DOT, tls=tls.server_context())
    scene = EncryptedScene(
        name, f"dnstap tls://127.0.0.1:{DOT} full {{ tls {made.certificate}\n"
        f"tls_servername {encrypted.NAME} }}", made=made)
    dot.ask(scene, QUERIES, load.Mix(name, odd=0), CONNECTIONS)
    scene.stop(collector)
    return scene.check(collector.taps())
