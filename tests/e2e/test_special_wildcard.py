# SPDX-License-Identifier: Apache-2.0
"""A server that is bound to no address in particular: the log has the address
that a client asked, if the server wants to know it too, and else none."""

import subprocess
from dataclasses import replace

from harness import host, load, namespace, oracle, servers
from harness.collector import Collector
from harness.each import each
from harness.scene import Scene

QUERIES = 500  # to each address
V4, V6 = "0.0.0.0", "::"
ASKED = [namespace.SERVER4, namespace.UPSTREAM, namespace.SERVER6]


def anywhere(name, **fields):
    """The server on all addresses, IPv6 ones apart."""
    server = servers.SERVERS[name]
    return replace(server, upstream=False, **{"files": {
        file: text.replace("$v4", V4).replace("$v6", V6)
        for file, text in server.files.items()}, **fields})


def unbound():
    text = anywhere("unbound").files["unbound.conf"]
    text = text.replace('local-zone: "test." nodefault', """interface-automatic: yes
    local-zone: "test." static
    local-data: "host1.test. A 192.0.2.1\"""")
    return anywhere("unbound", files={
        "unbound.conf": text.partition("forward-zone:")[0]})


# Ask for IP_PKTINFO and IPV6_PKTINFO; smartdns on one socket for both families.
CURIOUS = {
    "unbound": unbound(),
    "knotd": anywhere("knotd"),
    "pdns_server": anywhere("pdns_server"),
    "gdnsd": anywhere("gdnsd"),
    "dnsmasq": anywhere("dnsmasq", command=(
        "dnsmasq -k -C /dev/null -p 53 --no-resolv --no-hosts -u root --pid-file= "
        "--local=/test/ --host-record=host1.test,192.0.2.1")),
    "dnsdist": anywhere("dnsdist", files={"dnsdist.conf": """
setLocal('0.0.0.0:53')
addLocal('[::]:53')
setACL({'0.0.0.0/0', '::/0'})
setSecurityPollSuffix('')
addAction(AllRule(), RCodeAction(DNSRCode.NOERROR))
"""}),
    "smartdns": anywhere("smartdns", dual_stack=True, tcp=False, files={
        "smartdns.conf": """
bind [::]:53
address /host1.test/192.0.2.1
log-file $room/smartdns.log
cache-persist no
"""}),
}
# Do not, so that nobody tells them.
INCURIOUS = {
    "nsd": anywhere("nsd"),
    "tinydns": anywhere("tinydns", environment={
        **servers.SERVERS["tinydns"].environment, "IP": V4}),
}


def asked(name, variant):
    collector = Collector(port=6000 if variant.chroot else None)
    scene = Scene(name, f"dnstap {collector.endpoint} full", variant=variant)
    scene.counts_all = False  # what was captured came to other addresses too
    scene.server.addresses = [address for address in ASKED
                              if variant.inet6 or ":" not in address]
    load.udp(scene.server.addresses, QUERIES, load.Mix(name))
    if variant.tcp:
        load.tcp(scene.server.addresses, QUERIES // 10, load.Mix(f"{name} tcp"))
    scene.stop(collector)
    return scene, collector.taps(orderly=variant.lingers)


def unseen(message):
    """The message as its server knows it. From which address it answers, which
    need not be the one that was asked, is the kernel's choice."""
    if message.protocol == "TCP":
        return message
    ends = {end: None for end in ("source", "target")
            if getattr(message, f"{end}_port") == 53}
    return replace(message, **ends)


def check_unseen(wire, taps):
    return oracle.compare(oracle.facts(map(unseen, wire.messages()), [None, *ASKED]),
                          taps).check()


@each(CURIOUS)
def test_known(name):
    scene, taps = asked(name, CURIOUS[name])
    return scene.check(taps)


@each(INCURIOUS)
def test_left_out(name):
    scene, taps = asked(name, INCURIOUS[name])
    return check_unseen(scene.wire, taps)


def dual_stack(scene):
    """IPv4 clients at an IPv6 socket."""
    running = host.Host(host.build("wildcard"), scene)
    running.udp(40)
    running.end()
    return running


def test_dual_stack_known():
    return dual_stack("asking").check()


def test_dual_stack_left_out():
    running = dual_stack("not_asking")
    return check_unseen(running.wire, running.collector.taps())


OTHERS = namespace.CLIENTS4[1]  # where those send from that go another way


def test_other_ways():
    """What is asked by another way than others take, as the socket's options or the
    call say, is sent from another address, which nobody tells."""
    for step in (f"route replace {namespace.NOWHERE} dev lo src {namespace.SERVER4}",
                 f"route add {namespace.NOWHERE} dev lo src {OTHERS} table 77",
                 "rule add oif lo table 77 pref 1", "rule add fwmark 7 table 77 pref 2"):
        subprocess.run(["ip", *step.split()], check=True)
    running = host.Host(host.build("wildcard"), "ways")
    running.end()
    wire = running.wire.messages()
    sources = [message.source for message in wire]
    assert sources == [namespace.SERVER4, OTHERS] * (len(wire) // 2), sources
    facts = oracle.facts((replace(message, source=None) if message.source == OTHERS
                          else message for message in wire), [], [namespace.NOWHERE])
    return oracle.compare(facts, running.collector.taps()).check()
