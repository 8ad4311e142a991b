# SPDX-License-Identifier: Apache-2.0
"""Servers of several processes or threads: they replace them while they reload, open and
close sockets, and share the work among many."""

import os
import pathlib
import signal
import subprocess
import threading

from harness import load, namespace, servers, zone
from harness.collector import Collector
from harness.each import each
from harness.process import until
from harness.scene import Scene

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
        until(lambda: zone.serial(address) == count + 1, f"reload {count}")
    background.more()
    background.stop()
    scene.stop()
    taps = collector.taps()
    assert len(collector.connections) > RELOADS, "no process was replaced"
    return {"processes": len(collector.connections), **scene.check(taps)}


OTHER = "127.0.0.12"


def test_interfaces():
    """An address of the machine comes and goes while another one is asked."""
    subprocess.run(["ip", "address", "add", f"{OTHER}/8", "dev", "lo"], check=True)
    collector, mix = Collector(), load.Mix("interfaces")
    scene = Scene("named", f"dnstap {collector.endpoint} full")
    address, configuration = scene.server.addresses[0], pathlib.Path(
        f"{scene.server.room}/named.conf")
    text = configuration.read_text()
    background = Asking(address)

    def listen(addresses, there):
        configuration.write_text(text.replace(f"{address};", addresses))
        scene.server.process.send(signal.SIGHUP)
        until(lambda: there == (OTHER in {one for one, _, _ in servers.udp_sockets()}),
              addresses)

    for _ in range(RELOADS):
        listen(f"{address}; {OTHER};", True)
        load.udp([OTHER], 100, mix)
        load.tcp([OTHER], 50, mix)
        background.more()
        listen(f"{address};", False)
        background.more()
    background.stop()
    listen(f"{address}; {OTHER};", True)
    scene.server.addresses.append(OTHER)
    scene.stop()
    return scene.check(collector.taps())


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
