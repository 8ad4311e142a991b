# SPDX-License-Identifier: Apache-2.0
"""An operator asks a process, and has it do things, while it serves."""

import json
import os
import socket
import traceback

from harness import (cli, dnstap, encrypted, framestream, load, oracle, servers,
                     tls)
from harness.collector import Collector
from harness.each import each
from harness.encrypted import EncryptedScene
from harness.metrics import Metrics
from harness.process import Process, read, until
from harness.scene import Scene

NOBODY = 65534


def status(word):
    """What each process of that name says of itself; or of that number, once it can."""
    if isinstance(word, int):
        until(lambda: sockets(word), "its socket")
    return [json.loads(line) for line in
            cli.good("status", "-j", word).splitlines()]


def sockets(pid):
    """The names under which a process serves."""
    with open("/proc/net/unix") as table:
        return [name for name in (line.split()[-1] for line in table)
                if name.startswith(f"@dnstapshim/{pid}/")]


def connect(name):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect("\0" + name[1:])
    return peer


def accounted(tap):
    """All that it has captured has become something."""
    return tap["captured_total"] == (
        tap["sent_total"] + tap["skipped_total"] + tap["queued"]
        + sum(tap["dropped_total"].values()))


def as_nobody(function):
    """Runs it as another user, in a child. Returns its exit status."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setgroups([])
            os.setresuid(NOBODY, NOBODY, NOBODY)
            code = function()
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


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


def logged_truly(verdict):
    """All that is logged was on the wire, and so; of a response whose query was not looked
    at less is known."""
    wrong = [one for one in verdict.wrong
             if one[0] not in ("query_time", "type")
             and one[:3:2] != ("query_address", None)]
    assert not verdict.surplus and not wrong, verdict.text()
    return verdict


def tell(command, pid):
    """One process, as soon as it can be told."""
    until(lambda: sockets(pid), "its socket")
    return cli.good(command, pid)


def steady_load(scene):
    return load.Steady(scene.server.addresses, "control", odd=0 if scene.asks else 10)


def check(scene, collector):
    """The log against the wire."""
    scene.stop(collector)
    return scene.check(collector.taps())


ROLLS = 8


def connects(word):
    """How often its processes have connected, all told."""
    return sum(tap["connects_total"] for one in status(word) for tap in one["taps"])


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
    scene = Scene("knotd", f"dnstap {stalled.endpoint} full")
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


def reload(word, text):
    with open("/mnt/tap.conf", "w") as file:
        file.write(text)
    return cli.good("reload", word)


@each(["named", "nsd", "dnsmasq"])
def test_reload(name):
    """Under load, over and over: the tap that stays has every message, on one connection
    for each process; those that come and go have what crossed while they were there."""
    staying, going = Collector(), Collector(name="going.sock")
    stays, goes = (f"dnstap {one.endpoint} full\n" for one in (staying, going))
    with open("/mnt/tap.conf", "w") as file:
        file.write(stays)
    scene = Scene(name, "/mnt/tap.conf")
    pid = scene.server.process.child.pid
    word = pid if name == "dnsmasq" else name
    with steady_load(scene) as steady:
        steady.go_on(2)
        for _ in range(5):
            said = reload(word, goes + stays)
            processes = said.count(f"unchanged: {staying.endpoint}\n")
            assert processes == said.count(f"added: {going.endpoint}\n") > 0, said
            before = len(going.frames)
            until(lambda: len(going.frames) > before + 50, "it is there")
            steady.go_on(1)
            said = reload(word, stays)
            assert said.count(f"removed: {going.endpoint}\n") >= processes, said
            one, = status(word)[0]["taps"]
            assert one["connects_total"] == 1, one
            steady.go_on(1)
        processes = len(status(word))
    scene.counts_all = False
    scene.stop()
    logged_truly(scene.compare(going.taps()))
    if name != "dnsmasq":
        assert len(staying.connections) == processes
    return scene.check(staying.taps())


REFUSED = {"word": ("dnstap /mnt/x.sock fall", '"fall"'),
           "certificate": ("dnstap tls://127.0.0.1:1 { tls /none /none }",
                           "/none: No such file"),
           "ports": ("ports 5353\ndnstap /mnt/x.sock full", "ports: another one"),
           "tls_ports": ("tls_ports 8853\ndnstap /mnt/x.sock full",
                         "tls_ports: another one"),
           "pem": ("dnstap tls://127.0.0.1:1 { tls /mnt/tap.conf /mnt/tap.conf }",
                   "/mnt/tap.conf: "),
           "nothing": ("# nothing", "there is no tap")}


@each(REFUSED)
def test_reload_refused(kind):
    """With all errors, and the old one goes on."""
    text, reason = REFUSED[kind]
    collector = Collector()
    with open("/mnt/tap.conf", "w") as file:
        file.write(f"dnstap {collector.endpoint} full")
    scene = Scene("knotd", "/mnt/tap.conf")
    pid = scene.server.process.child.pid
    collector.wait(2)
    before, = status(pid)
    with open("/mnt/tap.conf", "w") as file:
        file.write(text)
    assert reason in cli.refused(cli.CONFIG, "reload", pid)
    assert reason in cli.refused(cli.CONFIG, "reload", "-c", "/mnt/tap.conf", pid)
    load.udp(scene.server.addresses, 50, load.Mix("refused"))
    assert status(pid)[0]["config"] == before["config"]
    return check(scene, collector)


def test_reload_serving():
    """The tap whose thread serves is removed, and another serves; text that comes with the
    command; and a place more for each change, until there is none."""
    first, second = Collector(), Collector(name="second.sock")
    scene = Scene("knotd", f"dnstap {first.endpoint} full")
    pid = scene.server.process.child.pid
    first.wait(2)
    served, = until(lambda: sockets(pid), "its socket")
    with open("/mnt/other.conf", "w") as file:
        file.write(f"dnstap {second.endpoint} full")
    cli.good("reload", "-c", "/mnt/other.conf", pid)
    load.udp(scene.server.addresses, 50, load.Mix("serving"))
    until(lambda: sockets(pid) not in ([], [served]), "another serves")
    for number in range(70):
        with open("/mnt/other.conf", "w") as file:
            file.write(f"dnstap {second.endpoint} full {{\nidentity i{number}\n}}")
        done = cli.run("reload", "-c", "/mnt/other.conf", pid)
        load.udp(scene.server.addresses, 1, load.Mix("serving"))
        if done.returncode:
            break
    assert number == 62 and b"takes a restart" in done.stderr, (number, done)
    scene.counts_all = False
    scene.stop()
    assert not scene.compare(first.taps() + second.taps()).missing


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


def test_reload_recorder():
    """A tap that comes late has a flight recorder as well, and one that goes leaves none."""
    first, second = Collector(), Collector(name="second.sock")
    tap = "dnstap {} full\nrecorder /mnt/recorders"
    os.mkdir("/mnt/recorders")
    with open("/mnt/tap.conf", "w") as file:
        file.write(tap.format(first.endpoint))
    scene = Scene("knotd", "/mnt/tap.conf")
    pid = scene.server.process.child.pid
    until(lambda: sockets(pid), "its socket")
    until(lambda: status(pid)[0]["taps"][0]["recorder"], "a recorder")
    reload(pid, tap.format(second.endpoint))
    with steady_load(scene) as steady:
        steady.go_on(2)
        until(lambda: status(pid)[0]["taps"][0]["recorder"], "a recorder")
        until(lambda: os.listdir("/mnt/recorders") == [f"knotd.{pid}.2"],
              "the other one's goes")
        second.wait(100)
    scene.counts_all = False
    scene.stop()
    assert not os.listdir("/mnt/recorders")
    logged_truly(scene.compare(second.taps()))
