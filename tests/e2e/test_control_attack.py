# SPDX-License-Identifier: Apache-2.0
"""Whoever asks a process, in whatever way, harms neither the server nor its log, and
keeps nobody else from asking."""

import glob
import os
import signal
import socket
import subprocess
import threading

from harness import cli, load, metrics, servers
from harness.collector import Collector
from harness.control import (NOBODY, check, configure, configured, connect, reload,
                             sockets, status, steady_load)
from harness.each import each
from harness.process import PATIENCE, Process, read, until
from harness.scene import Scene


def said_to(name, octets):
    """What is answered to that, until the end."""
    peer, said = connect(name), b""
    try:
        peer.sendall(octets)
        peer.shutdown(socket.SHUT_WR)
        while some := peer.recv(1 << 16):
            said += some
    except ConnectionError:
        pass
    peer.close()
    return said


def served(scene, pid):
    load.udp(scene.server.addresses, 10, load.Mix("served"))
    return until(lambda: sockets(pid), "its socket")[0]


def test_thousand():
    """At once, and fifty commands; each is told."""
    collector = Collector()
    scene = Scene("knotd", f"dnstap {collector.endpoint} full")
    pid = scene.server.process.child.pid
    name = served(scene, pid)
    told = []
    with steady_load(scene) as steady:
        askers = [threading.Thread(target=lambda: told.append(said_to(name, b"status\n")))
                  for _ in range(1000)]
        commands = [subprocess.Popen([cli.COMMAND, "status", str(pid)],
                                     stdout=subprocess.PIPE) for _ in range(50)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join(PATIENCE)
        for command in commands:
            text, _ = command.communicate(timeout=PATIENCE)
            assert command.returncode == 0 and b"tapping since" in text
        steady.go_on(1)
    assert len(told) == 1000 and all(one.startswith(b"done\n") for one in told), (
        len(told), [one for one in told if not one.startswith(b"done\n")][:3])
    return check(scene, collector)


ODD = {"nothing": b"", "half": b"reloa", "no end": b"status", "empty": b"\n\n\n",
       "nul": b"status\0reload\n", "garbage": os.urandom(3000),
       "a megabyte": b"x" * (1 << 20), "a long body": b"reload\n" + b"x" * (1 << 20),
       "too long": b"reload\n" + b"\n" * (3 << 20), "control": b"\x1b[2J\n",
       "status with more": b"status\nreload\n"}


def test_odd():
    """Is answered or hung up on, and nothing comes of it."""
    collector = Collector()
    scene = Scene("knotd", f"dnstap {collector.endpoint} full")
    pid = scene.server.process.child.pid
    name = served(scene, pid)
    before, = status(pid)
    for kind, octets in ODD.items():
        said = [said_to(name, octets) for _ in range(8)]
        assert len({one.partition(b"\n")[0] for one in said}) == 1, (kind, said)
        assert said[0].partition(b"\n")[0] in (b"done", b"refused", b""), (kind, said)
        after, = status(pid)
        assert after["config"] == before["config"] and after["capture"] == "on", kind
    return check(scene, collector)


def test_stopped():
    """Four who have asked and do not read, or do not end what they say: the fifth is
    told, in time."""
    collector = Collector()
    scene = Scene("knotd", f"dnstap {collector.endpoint} full")
    pid = scene.server.process.child.pid
    name = served(scene, pid)
    stopped = []
    for _ in range(4):
        peer = connect(name)
        peer.sendall(b"stat")
        stopped.append(peer)
    one, = status(pid)
    assert one["pid"] == pid
    with steady_load(scene) as steady:
        command = subprocess.Popen([cli.COMMAND, "status", str(pid)],
                                   stdout=subprocess.DEVNULL)
        os.kill(command.pid, signal.SIGSTOP)
        steady.go_on(2)
        one, = status(pid)
        os.kill(command.pid, signal.SIGCONT)
        assert command.wait(PATIENCE) == 0
    return check(scene, collector)


def test_squatters():
    """Another user has the names that a command looks at first, and lets nobody in."""
    collector = Collector()
    scene = Scene("knotd", f"dnstap {collector.endpoint} full")
    pid = scene.server.process.child.pid
    served(scene, pid)
    ready, say = os.pipe()
    squatter = os.fork()
    if squatter == 0:
        os.setresuid(NOBODY, NOBODY, NOBODY)
        kept = []
        for number in range(400):
            other = socket.socket(socket.AF_UNIX)
            other.bind(f"\0dnstapshim/{pid}/{number:016x}")
            other.listen(0)
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(f"\0dnstapshim/{pid}/{number:016x}")
            kept += [other, peer]
        os.write(say, b"x")
        signal.pause()
    os.read(ready, 1)
    for _ in range(5):
        one, = status(pid)
        assert one["pid"] == pid, one
    os.kill(squatter, signal.SIGKILL)
    os.waitpid(squatter, 0)
    return check(scene, collector)


def test_reloads_at_once():
    """Two operators: the last one's is in force, and all of it."""
    staying = Collector()
    stays = f"dnstap {staying.endpoint} full\n"
    scene, pid = configured(stays)
    served(scene, pid)
    texts = {}
    for number in range(4):
        texts[number] = f"/mnt/{number}.conf"
        with open(texts[number], "w") as file:
            file.write(f"{stays}dnstap /mnt/{number}.sock full\n")
    with steady_load(scene) as steady:
        for _ in range(4):
            both = [subprocess.Popen([cli.COMMAND, "reload", "-c", path, str(pid)],
                                     stdout=subprocess.PIPE)
                    for path in texts.values()]
            for one in both:
                text, _ = one.communicate(timeout=PATIENCE)
                assert one.returncode == 0, text
                assert b"unchanged: " + staying.endpoint.encode() in text, text
            one, = status(pid)
            first, second = one["taps"]
            assert first["tap"] == staying.endpoint and first["connects_total"] == 1, one
            assert second["tap"] in one["config"], one
        steady.go_on(1)
    scene.counts_all = False
    return check(scene, staying)


def test_file_gone():
    """And one that may not be read: the old one stays in force, and is told."""
    collector = Collector()
    scene, pid = configured(f"dnstap {collector.endpoint} full\n")
    served(scene, pid)
    os.rename("/mnt/tap.conf", "/mnt/gone.conf")
    said = cli.refused(cli.CONFIG, "reload", pid)
    assert "/mnt/tap.conf" in said and "No such file" in said, said
    os.mkdir("/mnt/tap.conf")
    assert "neither" in cli.refused(cli.CONFIG, "reload", pid)
    os.rmdir("/mnt/tap.conf")
    os.mkfifo("/mnt/tap.conf")
    assert "neither" in cli.refused(cli.CONFIG, "reload", pid)
    os.unlink("/mnt/tap.conf")
    for text, wrong in (b"x\0y", "NUL"), (b"#" * (1 << 20) + b"\n", "longer"), (b"", "empty"):
        with open("/mnt/odd.conf", "wb") as file:
            file.write(text)
        assert wrong in cli.refused(cli.NOINPUT, "reload", "-c", "/mnt/odd.conf", pid)
    os.rename("/mnt/gone.conf", "/mnt/tap.conf")
    assert "unchanged" in cli.good("reload", pid)
    return check(scene, collector)


# A server that does something drastic between any two answers.
DRASTIC = """
import os, signal, socket, sys
kind = sys.argv[1]
if len(sys.argv) > 2:
    server = socket.socket(fileno=int(sys.argv[2]))
else:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    server.set_inheritable(True)
for turn in range(1, 1 << 30):
    query, client = server.recvfrom(512)
    answer = query[:2] + b"\\x84" + query[3:]
    if kind == "forks" and os.fork() == 0:
        server.sendto(answer, client)
        os._exit(0)
    if kind == "forks":
        os.wait()
        continue
    server.sendto(answer, client)
    if kind == "closes":
        os.closerange(server.fileno() + 1, 2000)
    if kind == "execs" and turn == 20:
        os.execv(sys.executable, [sys.executable, __file__, kind, str(server.fileno())])
"""


class Drastic:
    """A client of it, who knows what has crossed."""

    def __init__(self, kind, **settings):
        with open("/mnt/drastic.py", "w") as file:
            file.write(DRASTIC)
        self.process = Process(["python3", "/mnt/drastic.py", kind],
                               environment=servers.tap_environment("/mnt/tap.conf",
                                                                   **settings))
        self.pid = self.process.child.pid
        self.mix, self.crossed = load.Mix(kind, odd=0), []
        until(lambda: "tapping port 53" in self.process.output(), "its port")

    def ask(self, count=1):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", 53))
        for _ in range(count):
            query = self.mix.next().message
            client.send(query)
            self.crossed += [query, client.recv(512)]
        client.close()


@each(["closes", "forks", "execs"])
def test_drastic(kind):
    """A host that closes all fds, forks or executes itself in the midst of reloads: the tap
    that stays has every message."""
    staying, going = Collector(), Collector(name="going.sock")
    stays, goes = (f"dnstap {one.endpoint} full\n" for one in (staying, going))
    configure(stays)
    host = Drastic(kind)
    host.ask()
    for number in range(50):
        with open("/mnt/new.conf", "w") as file:
            file.write(stays + goes * (number % 2))
        os.rename("/mnt/new.conf", "/mnt/tap.conf")
        command = subprocess.Popen([cli.COMMAND, "reload", str(host.pid)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while command.poll() is None:
            host.ask()
        text = command.stdout.read() + command.stderr.read()
        # There is nobody to ask between an exec and the first message behind it.
        assert (b"unchanged: " + staying.endpoint.encode() in text
                or kind == "execs" and command.returncode), text
        host.ask(5)
    host.process.stop(signal.SIGTERM)
    logged = [tap.payload for tap in staying.taps(orderly=False)]
    assert sorted(logged) == sorted(host.crossed), (len(logged), len(host.crossed))
    return {"messages": len(logged), "reloads": 50}


def test_removed_before_fork():
    """A child that was forked after a tap was removed has nothing to show of it."""
    staying = Collector()
    stays = f"dnstap {staying.endpoint} full\n"
    configure("dnstap /mnt/none.sock full\n" + stays)
    host = Drastic("forks", **metrics.SETTING)
    host.ask()
    until(lambda: [*host.process.session()] == [host.pid], "its child's end")
    metrics.forget()  # or the next one would have what that one has counted
    reload(host.pid, stays)
    host.ask(5)

    def shown():
        return "".join(read(path) for path in glob.glob("/mnt/metrics.*[0-9]")
                       if path != f"/mnt/metrics.{host.pid}")

    text = until(lambda: 'index="1"' in (text := shown()) and text, "a child's file")
    assert 'index="0"' not in text, text
    host.process.stop(signal.SIGTERM)
