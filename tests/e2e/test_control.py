# SPDX-License-Identifier: Apache-2.0
"""An operator asks a process, and has it do things, while it serves."""

import os
import shutil
import socket
import subprocess

from harness import (cli, dnstap, encrypted, framestream, load, oracle, servers,
                     tls)
from harness.collector import Collector
from harness.control import (NOBODY, Everything, accounted, as_nobody, check, connect, connects,
                             logged_truly, sockets, status, steady_load, tell)
from harness.each import each
from harness.encrypted import EncryptedScene
from harness.metrics import Metrics
from harness.process import Process, read, until
from harness.scene import Scene


@each(["named", "nsd", "dnsmasq"])
def test_status(name):
    """Says what the wire says; by the number and by the name."""
    collector = Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full\n"
                        "dnstap /mnt/none.sock full 1 2")
    load.udp(scene.server.addresses, 50, load.Mix("status"))
    count = scene.settle()
    collector.wait(count)

    def told():
        taps = [one["taps"] for one in status(name)]
        return taps if sum(up["sent_total"] for up, _ in taps) == count else None

    for up, down in until(told, "all is sent, by what the processes say"):
        assert up["tap"] == collector.endpoint and up["state"] == "connected", up
        assert accounted(up) and accounted(down), (up, down)
        assert up["captured_total"] == down["captured_total"], (up, down)
        assert up["up"] == 1 and down["up"] == 0 and up["since"], (up, down)
        assert down["state"].startswith("down: No such file"), down
        assert down["queued"] and not up["queued"], (up, down)
        assert down["queue_capacity"] == 20000, down
    for one in status(name):
        assert one["program"] == name, one
        shown = cli.good("status", one["pid"])
        assert f"process {one['pid']} " in shown and "full 1 2" in shown, shown
        with open("/mnt/in-force", "w") as file:
            file.write(one["config"])
        assert cli.good("check", "/mnt/in-force") == one["config"]
    scene.stop()


def test_before_the_first_message():
    """Nobody serves then, and the command says why."""
    sleeper = Process(["/bin/sleep", "600"], environment=servers.
                              tap_environment("dnstap /mnt/none.sock full"))
    pid = sleeper.child.pid
    until(lambda: servers.LIBRARY in open(f"/proc/{pid}/maps").read(), "sleep")
    assert "no DNS message has come" in cli.refused(cli.UNAVAILABLE, "status", pid)
    bare = Process(["/bin/sleep", "600"], name="bare")
    assert "not loaded" in cli.refused(cli.UNAVAILABLE, "status", bare.child.pid)
    assert "No such process" in cli.refused(cli.NOINPUT, "status", 99999999)
    assert "no process of this name" in cli.refused(cli.NOINPUT, "status", "no-such")


def test_strangers():
    """Another user who connects without end, says nothing, and takes names, neither
    learns anything nor keeps the operator out; nor does one who is welcome."""
    collector = Collector()
    scene = Scene("knotd", f"dnstap {collector.endpoint} full")
    pid = scene.server.process.child.pid
    name, = until(lambda: sockets(pid), "its socket")

    def ask():
        peer = connect(name)
        try:
            peer.sendall(b"status\n")
        except BrokenPipeError:
            pass  # it has been sent away already
        said = peer.recv(1 << 16)
        assert said.startswith(b"refused\n") and b"tap" not in said, said
        return 0

    assert as_nobody(ask) == 0
    shutil.copy(cli.COMMAND, "/mnt/dnstapshim")
    for command in "status", "reload", "roll", "off":
        done = subprocess.run(["/mnt/dnstapshim", command, str(pid)],
                              capture_output=True, user=NOBODY, group=NOBODY,
                              extra_groups=[])
        assert done.returncode == cli.NOPERM and b"only root" in done.stderr, done
    taken = []
    for number in range(20):
        other = socket.socket(socket.AF_UNIX)
        other.bind(f"\0dnstapshim/{pid}/{number:016x}")
        other.listen()
        taken.append(other)
    flood = os.fork()
    if flood == 0:
        os.setresuid(NOBODY, NOBODY, NOBODY)
        while True:
            try:
                connect(name).close()
            except OSError:
                pass
    silent = [connect(name) for _ in range(3)]
    for _ in range(5):
        one, = status(pid)
        assert one["pid"] == pid, one
    silent[0].sendall(b"x" * 100_000)  # no end of a line
    load.udp(scene.server.addresses, 50, load.Mix("strangers"))
    one, = status(pid)
    os.kill(flood, 9)
    os.waitpid(flood, 0)
    return check(scene, collector)


ROLLS = 8


@each(["named", "nsd", "dnsmasq", "knotd"])
def test_roll(name):
    """New connections under load, and not a message lost or sent twice."""
    collector = Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full")
    # dnsmasq's children come and go.
    word = scene.server.process.child.pid if name == "dnsmasq" else name
    with steady_load(scene) as steady:
        for _ in range(ROLLS):
            before = connects(word)
            said = cli.good("roll", word)
            assert f": connects anew: {collector.endpoint}\n" in said, said
            until(lambda: connects(word) >= before + said.count("\n"),
                  "another connection of each process")
            steady.go_on(1)
    assert len(collector.connections) > ROLLS
    assert "hung up" not in scene.server.process.output()
    return check(scene, collector)


@each(["named", "nsd"])
def test_roll_file(name):
    """New files under load: each can be read to its end at once."""
    os.mkdir("/mnt/log")
    scene = Scene(name, "dnstap file:///mnt/log/tap full\ndnstap listen "
                        "unix:///mnt/listen.sock full")
    with steady_load(scene) as steady:
        for _ in range(ROLLS):
            before = set(os.listdir("/mnt/log"))
            said = cli.good("roll", name)
            assert ": begins another file: file:///mnt/log/tap" in said, said
            assert ": listens, its collectors are left as they are: " in said, said
            until(lambda: set(os.listdir("/mnt/log")) - before, "another file")
            steady.go_on(1)
    scene.stop()
    files = [f"/mnt/log/{file}" for file in os.listdir("/mnt/log")]
    assert len(files) > ROLLS, files
    taps = [dnstap.decode(frame) for file in files
            for frame in framestream.read_file(file)]
    return scene.check(sorted(taps, key=lambda tap: tap.time))


def test_roll_unsent():
    """A collector that takes nothing is left after a while, and another gets all."""
    stalled = Collector()
    # The queue has room for all that is asked until the other one is there.
    scene = Scene("knotd", f"dnstap {stalled.endpoint} full 1 10")
    stalled.wait(1)
    stalled.pause()
    with steady_load(scene) as steady:
        pid = scene.server.process.child.pid
        until(lambda: status(pid)[0]["taps"][0]["queued"] > 1000, "a queue")
        os.unlink("/mnt/tap.sock")
        living = Collector()
        cli.good("roll", pid)
        living.wait(1000)
        steady.go_on(1)
    stalled.resume()
    scene.stop()
    taps = stalled.taps(orderly=False) + living.taps()
    return scene.check(taps)


@each(["named", "nsd", "dnsmasq", "knotd", "pdns_server", "unbound"])
def test_off(name):
    """What crosses meanwhile is not in the log, all before and behind it is: also what
    comes over sockets that were told other things meanwhile."""
    collector = Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full")
    scene.counts_all = False
    ends = []
    for _ in range(3):
        for told in "off", "on":
            with steady_load(scene) as steady:
                steady.go_on(3)
            ends.append(scene.settle())
            assert f": capture {told}\n" in cli.good(told, name)
            assert {one["capture"] for one in status(name)} == {told}
    with steady_load(scene) as steady:
        steady.go_on(3)
    starts = [0, *ends[1::2]]
    stops = [*ends[0::2], None]
    scene.stop()
    facts = scene.facts()
    kept = [fact for start, stop in zip(starts, stops) for fact in facts[start:stop]]
    return oracle.compare(kept, collector.taps()).check()


@each(["named", "nsd", "knotd"])
def test_off_under_load(name):
    """In the midst of everything: nothing is logged that was not on the wire, or not so,
    and all that was captured is accounted for."""
    collector = Collector()
    scene = Scene(name, f"dnstap {collector.endpoint} full")
    scene.counts_all = False
    with steady_load(scene) as steady:
        for _ in range(20):
            for told in "off", "on":
                cli.good(told, name)
                steady.go_on(1)
    scene.stop()
    verdict = logged_truly(scene.compare(collector.taps()))
    Metrics().check()
    return {"messages": verdict.facts, "logged": len(collector.frames)}


@each(["named", "kresd", "dnsdist"])
def test_off_encrypted_under_load(name):
    """Likewise over TLS and HTTPS, as often as can be told: connections live through several
    times of each."""
    collector = Collector()
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full")
    scene.counts_all = False
    pid = scene.server.process.child.pid
    with Everything(scene) as everything:
        everything.go_on(1)
        end = everything.rounds + 3
        while everything.rounds < end and not everything.fault:
            cli.good("off", pid)
            cli.good("on", pid)
        everything.go_on(1)
    scene.stop()
    verdict = logged_truly(scene.compare(collector.taps(orderly=scene.server.server.lingers)))
    if scene.server.server.lingers:
        Metrics().check()
    return {"messages": verdict.facts, "logged": len(collector.frames)}


@each(["before", "meanwhile"])
def test_off_connection(when):
    """A TCP connection that has lived through it is given up and counted, though it is in
    the midst of a message; the next one is logged."""
    collector = Collector()
    scene = Scene("knotd", f"dnstap {collector.endpoint} full")
    address, pid = scene.server.addresses[0], scene.server.process.child.pid
    query = load.framed([load.Mix("one", odd=0).next()])
    if when == "meanwhile":
        tell("off", pid)
    connection = load.Connection(address)
    connection.send([query[:7]])
    scene.wire.quiet()
    if when == "before":
        tell("off", pid)
    connection.send([query[7:] + query[:9]])
    connection.answer()
    tell("on", pid)
    connection.send([query[9:]])
    connection.answer()
    connection.drain()
    before = len(collector.frames)
    asked = load.Connection(address)
    asked.send([query])
    asked.answer()
    asked.drain()
    collector.wait(before + 2)
    tap, = status(pid)[0]["taps"]
    assert tap["dropped_total"]["stream"] >= 2, tap
    scene.counts_all = False
    scene.stop()
    taps = collector.taps()
    assert [tap.protocol for tap in taps].count("TCP") == 2, taps
    return f"{tap['dropped_total']['stream']} calls counted"


class Private:
    """A connection over which one query after the other goes within TLS."""

    def __init__(self, scene, mix, port):
        self.mix = mix
        self.stream = tls.context(scene.authority).wrap_socket(
            socket.create_connection((scene.server.addresses[0], port)), server_hostname=encrypted.NAME)

    def ask(self):
        query = self.mix.next().message
        self.stream.sendall(len(query).to_bytes(2, "big") + query)
        size = int.from_bytes(self._read(2), "big")
        assert self._read(size)[:2] == query[:2]

    def _read(self, size):
        octets = b""
        while len(octets) < size:
            octets += self.stream.recv(size - len(octets))
        return octets


@each(["unbound", "named", "kresd"])
def test_off_encrypted(name):
    """Connections of DNS over TLS that have lived through it, or began meanwhile, are
    given up, and each further call is counted; the next one is logged."""
    collector = Collector()
    scene = EncryptedScene(name, f"dnstap {collector.endpoint} full")
    scene.counts_all = False
    pid = scene.server.process.child.pid
    mix = load.Mix(name, odd=0)

    before = Private(scene, mix, encrypted.DOT)
    before.ask()
    collector.wait(2)
    tell("off", pid)
    meanwhile = Private(scene, mix, encrypted.DOT)
    for one in before, meanwhile:
        one.ask()
    tell("on", pid)
    counted = []
    for one in before, meanwhile:
        one.ask()
        counted.append(sum(tap["dropped_total"]["stream"] for process in status(pid)
                           for tap in process["taps"]))
    after = Private(scene, mix, encrypted.DOT)
    after.ask()
    scene.stop(collector)
    private = [tap for tap in collector.taps() if tap.protocol == "DOT"]
    assert len(private) == 4, private
    assert counted[0] >= 2 and counted[1] >= counted[0] + 2, counted
    return f"{counted[-1]} calls counted"


def test_off_child():
    """A child that was forked meanwhile, and that nobody can ask, captures again as well."""
    collector = Collector()
    scene = Scene("dnsmasq", f"dnstap {collector.endpoint} full")
    address, pid = scene.server.addresses[0], scene.server.process.child.pid
    query = load.framed([load.Mix("one", odd=0).next()])
    tell("off", pid)
    connection = load.Connection(address)
    connection.send([query])
    connection.answer()
    tell("on", pid)
    connection.send([query])
    connection.answer()
    connection.drain()
    scene.counts_all = False
    scene.stop()
    metrics = Metrics()
    metrics.check()
    assert metrics.dropped["stream"], metrics.dropped


ECHO = """
import socket, time
server, client = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
server.bind(("127.0.0.1", 53))
client.sendto(bytes(12), ("127.0.0.1", 53))
server.recv(512)
time.sleep(600)
"""


def test_container():
    """A process in network and process namespaces of its own, by its number out here."""
    with open("/mnt/echo.py", "w") as file:
        file.write(ECHO)
    outer = Process(["unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-c",
                     "ip link set lo up; exec python3 /mnt/echo.py"],
                    environment=servers.tap_environment("dnstap /mnt/none.sock full"))

    def inner():
        with open(f"/proc/{outer.child.pid}/task/{outer.child.pid}/children") as file:
            return file.read().split()

    pid, = until(inner, "the process")
    until(lambda: "@dnstapshim/1/" in read(f"/proc/{pid}/net/unix"), "its socket")
    one, = status(pid)
    assert one["pid"] == int(pid) and one["taps"][0]["captured_total"], one
    assert f"process {pid}: capture off\n" in cli.good("off", pid)
    outer.child.kill()
    outer.wait()
