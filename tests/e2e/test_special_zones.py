# SPDX-License-Identifier: Apache-2.0
"""What authoritative servers do beside answering: they replace processes while
they reload, work with many, and keep a secondary up to date."""

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import replace

from harness import dns, load, namespace, oracle, servers, zone
from harness.collector import Collector
from harness.each import each
from harness.process import until
from harness.scene import Scene
from harness.wire import Recorder

RELOADS = 3
LARGE = 200_000  # records of a zone that takes its time to load

RELOADING = {
    "nsd": None,  # a new main process and new children
    "rbldnsd": servers.variant(  # a child answers while its parent loads
        "rbldnsd", command=servers.SERVERS["rbldnsd"].command.replace("-q", "-q -f"),
        files={"generic": zone.rbldnsd() + "".join(
            f"n{n} A 192.0.2.{n % 256}\n" for n in range(LARGE))}),
}


class Asking(threading.Thread):
    """Asks in the background until it is told to stop."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.asking, self.mix = load.clients(address), load.Mix("asking")
        self.answered, self.over, self.error = 0, False, None
        self.start()

    def run(self):
        try:
            while not self.over:
                self.answered += len(self.asking.ask([self.mix.next()]))
        except BaseException as error:
            self.error = error

    def more(self, count=100):
        """Until so many more have been answered."""
        enough = self.answered + count
        until(lambda: self.error or self.answered >= enough, "answers")

    def stop(self):
        self.over = True
        self.join()
        self.asking.close()
        assert not self.error, self.error


def serial(address):
    """Of the zone, as it is served."""
    found = subprocess.run(["dig", "+short", f"@{address}", "test", "SOA"],
                           capture_output=True, text=True, check=True).stdout
    return int(found.split()[2])


def change(path, before):
    """The zone in the file is given the next serial number."""
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace(f" {before} 3600 ", f" {before + 1} 3600 "))
    os.utime(path, (before, before))


@each(RELOADING)
def test_reload(name):
    server = servers.SERVERS[name]
    collector = Collector(port=6000 if server.chroot else None)
    scene = Scene(name, f"dnstap {collector.endpoint} full",
                  variant=RELOADING[name])
    address = scene.server.addresses[0]
    background = Asking(address)
    for count in range(1, RELOADS + 1):
        background.more()
        change(f"{scene.server.room}/{'zone' if server.tcp else 'generic'}", count)
        scene.server.process.send(signal.SIGHUP)
        until(lambda: serial(address) == count + 1, f"reload {count}")
    background.more()
    background.stop()
    scene.stop()
    taps = collector.taps()
    assert len(collector.connections) > RELOADS, "no process was replaced"
    return {"processes": len(collector.connections), **scene.check(taps)}


PRIMARY = servers.variant(
    "named",
    ("notify no; allow-update { none; };",
     "notify explicit; also-notify { $upstream; }; notify-source $v4; "
     "notify-delay 0; notify-rate 1000; allow-update { any; };"),
    file="named.conf")
SECONDARY = servers.variant(
    "nsd", ("    zonefile: $room/zone", """    zonefile: $room/secondary
    request-xfr: %s 127.0.0.11 NOKEY
    allow-notify: 127.0.0.11 NOKEY
    outgoing-interface: $v4
"""), file="nsd.conf")
UPDATES = 5
RECORDS = 3000  # a transfer takes several messages

# How the secondary asks for what has changed, and how the update comes.
TRANSFERS = {"axfr": ("AXFR", []), "ixfr": ("", ["-v"]), "ixfr_udp": ("UDP", [])}


def update(tool, number):
    """RFC 2136: one more record."""
    subprocess.run(tool, check=True, text=True, input=f"""
server {namespace.SERVER4}
zone test
update add new{number}.test 300 A 192.0.2.1
send
""")


class Party:
    """One of the two servers, with the library preloaded, and the other one's
    address."""

    def __init__(self, name, address, other, variant):
        self.collector, self.other = Collector(name=f"{name}.sock"), other
        self.began = time.time_ns()
        self.running = servers.Running(
            name, servers.tap_environment(f"dnstap {self.collector.endpoint} full"),
            address, variant=variant)

    def facts(self, wire):
        """Nothing that came before it listened has reached it."""
        own = self.running.addresses
        return oracle.facts(
            [message for message in wire.messages() if message.time >= self.began
             and (message.source in own or message.target in own)],
            own, [self.other])

    def check(self, wire):
        self.running.stop()
        return oracle.compare(self.facts(wire), self.collector.taps()).check()


def kinds(facts):
    """What kinds of messages there were, and how many; queries only."""
    return Counter(
        KINDS.get((dns.opcode(fact.key[-1]), dns.qtype(fact.key[-1])), "other")
        for fact in facts if not fact.key[3])


KINDS = {(dns.NOTIFY, dns.TYPES["SOA"]): "NOTIFY",
         (dns.UPDATE, dns.TYPES["SOA"]): "UPDATE",
         (dns.QUERY, dns.TYPES["IXFR"]): "IXFR",
         (dns.QUERY, dns.TYPES["AXFR"]): "AXFR"}


@each(TRANSFERS)
def test_secondary(kind):
    """NOTIFY and transfers, each seen from both of its ends."""
    how, flags = TRANSFERS[kind]
    wire = Recorder()
    primary = Party("named", namespace.SERVER4, namespace.UPSTREAM, replace(
        PRIMARY, files={**PRIMARY.files, "zone": zone.master() + "".join(
            f"more{n}.test. IN A 192.0.2.{n % 256}\n" for n in range(RECORDS))}))
    secondary = Party("nsd", namespace.UPSTREAM, namespace.SERVER4, replace(
        SECONDARY, files={"nsd.conf": SECONDARY.files["nsd.conf"] % how}))
    for number in range(1, UPDATES + 1):
        update(["nsupdate", *flags], number)
        until(lambda: serial(namespace.UPSTREAM) == number + 1, "the transfer")
    wire.quiet()
    seen = kinds(primary.facts(wire))
    assert {"NOTIFY", "UPDATE", "AXFR"} < set(seen), seen
    rows = [party.check(wire) for party in (primary, secondary)]
    return {**{name: seen[name] for name in KINDS.values()},
            **{key: " + ".join(str(row[key]) for row in rows)
               for key in ("messages", "missing", "surplus", "wrong")}}


WORKERS = {
    "named": servers.variant("named", command=servers.SERVERS["named"].command.replace(
        "-n 2", "-n 6")),
    "knotd": servers.variant("knotd", ("udp-workers: 2",
                                       "udp-workers: 6\n    tcp-workers: 6"),
                             file="knot.conf"),
    "nsd": servers.variant("nsd", ("server-count: 2", "server-count: 4\n"
                                   "    reuseport: yes"), file="nsd.conf"),
}
CLIENTS = 40  # sockets, which the kernel spreads over the workers


@each(WORKERS)
def test_workers(name):
    """Many threads or processes, all of them at it."""
    collector = Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full", variant=WORKERS[name])
    address, mix = scene.server.addresses[0], load.Mix(name)
    asking = load.Clients(address, namespace.CLIENTS4 * (CLIENTS // 2))
    for _ in range(40):
        asking.ask([mix.next() for _ in range(2 * CLIENTS)])
    asking.close()
    load.tcp([address], 200, mix)
    scene.stop()
    return scene.check(collector.taps())
