# SPDX-License-Identifier: Apache-2.0
"""Servers in containers that have nothing of dnstap but the library's file and two
variables: without a right, without /proc, with all but /tmp read-only."""

import os
import re

from harness import cli, container, load, namespace, oracle, servers
from harness.collector import Collector
from harness.container import NOBODY, SOCKETS, Container, bind
from harness.each import each
from harness.process import until
from harness.wire import Recorder

SOCKET = "/run/dnstap/tap.sock"
PROC = {"destination": "/proc", "type": "proc", "source": "proc"}
EACH = 300
CHANGES = {"named": [('directory "/server"', 'directory "/tmp"'),
                     ('file "zone"', 'file "/server/zone"')],
           "unbound": []}


class Scene:
    def __init__(self, name="named", tap=f"dnstap {SOCKET} full", **more):
        container.build_image()
        self.asks = []
        if servers.SERVERS[name].upstream:
            self.asks.append(namespace.UPSTREAM)
            servers.Running("nsd", address=namespace.UPSTREAM)
        self.name, self.tap, self.more = name, tap, more
        self.wire = Recorder()
        self.start()

    def start(self):
        self.server = Container(self.name, self.tap, CHANGES[self.name], **self.more)

    def load(self):
        load.udp(self.server.addresses, EACH, load.Mix(self.name))
        load.tcp(self.server.addresses, EACH // 10, load.Mix(f"{self.name} tcp"))

    def stop(self):
        """As `docker stop` does. It ends by itself, as it would without us."""
        self.server.settle(self.wire)
        self.server.process.stop()
        assert self.server.process.code == 0, self.server.process.output()
        self.wire.quiet()

    def facts(self):
        return oracle.facts(self.wire.messages(), self.server.addresses, self.asks)

    def check(self, log):
        return oracle.compare(self.facts(), log).check()

    def lines(self, process=r"\d+"):
        return re.findall(rf"^dnstapshim\[{process}\]: (.*)", self.server.process.output(), re.M)


def collect():
    """A collector that the container's user may connect to."""
    collector = Collector(name="sockets/tap.sock")
    os.chmod(f"{SOCKETS}/tap.sock", 0o666)
    return collector


@each(CHANGES)
def test_served(name):
    """Process 1 is the server."""
    scene = Scene(name)
    collector = collect()
    scene.load()
    scene.stop()
    row = scene.check(collector.taps())
    others = [line for line in scene.lines() if not line.endswith(": connected")
              and not re.search("tapping|retrying|dropped", line)]
    assert not others and scene.lines(1), others
    return row


def test_collector_comes_and_goes():
    """The directory of its socket is what is mounted, so a new socket is seen."""
    scene = Scene()
    scene.load()
    scene.server.settle(scene.wire)
    first = collect()
    first.wait(len(scene.facts()))
    first.kill()
    scene.load()
    second = collect()
    second.wait(1)
    scene.stop()
    return scene.check(first.taps() + second.taps())


def test_killed():
    """As the memory limit or `docker kill` does; the same container is started
    again, and its process 1 sends what that of before could not."""
    recorder = f"{namespace.ROOM}/recorders"
    os.mkdir(recorder)
    os.chown(recorder, NOBODY, NOBODY)
    scene = Scene(mounts=[bind(recorder, "/recorder", "rw")],
                  tap=f"recorder /recorder\ndnstap {SOCKET} full")
    scene.load()
    scene.server.settle(scene.wire)
    path = f"{recorder}/named.1.1"
    until(lambda: len(cli.run("recover", "--live", "--all", "-q", path)
                      .stdout.splitlines()) >= len(scene.facts()), "the recorder")
    scene.server.kill()
    collector = collect()
    scene.start()
    scene.load()
    scene.stop()
    assert not os.listdir(recorder), os.listdir(recorder)
    return scene.check(collector.taps())


def test_health_checks():
    """They inherit the two variables: a shell does not show it, and a client does
    not if it is started without."""
    scene = Scene(mounts=[PROC])  # without which there is no `exec`
    collector = collect()
    scene.load()
    server = scene.server
    assert server.execute("sh", "-c", "echo $LD_PRELOAD") == "/libdnstapshim.so\n"
    asked = server.execute("env", "-u", "LD_PRELOAD", "dig", "+short",
                           f"@{server.addresses[0]}", "host1.test")
    assert re.fullmatch(r"[\d.]+\n", asked), asked
    scene.stop()
    return scene.check(collector.taps())
