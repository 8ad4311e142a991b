# SPDX-License-Identifier: Apache-2.0
"""dnstapshim recover: what a killed process had captured, once and in order."""

import json
import os
import signal
import socket
import threading

from harness import cli, dnstap, framestream, host, namespace, oracle
from harness.collector import Collector
from harness.each import each
from harness.process import until

COUNT = 40  # of host/end.c
RECORDERS = f"{namespace.ROOM}/recorders"
BUSY = 75


class Absent:
    endpoint = f"{namespace.ROOM}/nobody.sock"


def start(collector=None):
    """A server that has answered COUNT queries, with all of it in its recorder."""
    os.makedirs(RECORDERS, exist_ok=True)
    running = host.Host(host.build("end"), "terminate", collector,
                        DNSTAP_RECORDER=RECORDERS)
    running.udp(COUNT)
    running.path = f"{RECORDERS}/end.{running.process.child.pid}.1"
    until(lambda: os.path.exists(running.path) and
          len(live(running.path)) == 2 * COUNT, "the recorder")
    return running


def live(path):
    done = cli.run("recover", "--live", "--all", "-j", path)
    return done.stdout.splitlines()


def kill(running, signal_number=signal.SIGKILL):
    running.process.send(signal_number)
    running.end(-signal_number)


def compare(running, frames):
    return oracle.compare(running.facts(), [dnstap.decode(f) for f in frames]).check()


@each(["SIGKILL", "SIGSEGV"])
def test_written(name):
    """Nothing had been sent: all of it is there, as a tap would have logged it."""
    running = start(Absent)
    kill(running, getattr(signal, name))
    target = f"{namespace.ROOM}/recovered.fstrm"
    done = cli.run("recover", "-w", target, RECORDERS)
    assert done.returncode == 0, done
    assert f"{2 * COUNT} not sent" in done.stderr.decode(), done.stderr
    shown = cli.good("recover", "-j", running.path).splitlines()
    assert len(shown) == 2 * COUNT and json.loads(shown[0])["message"]
    return compare(running, framestream.read_file(target))


@each(["unix", "tcp"])
def test_sent(kind):
    """To a collector, and then it is removed."""
    running = start(Absent)
    kill(running)
    if kind == "unix":
        collector = Collector()
        to = ["-u", collector.endpoint.removeprefix("unix://")]
    else:
        collector = Collector(port=6000)
        to = ["-l", "127.0.0.1:6000"]
    assert cli.good("recover", "--remove", *to, RECORDERS) == ""
    assert os.listdir(RECORDERS) == []
    done = cli.run("recover", RECORDERS)
    assert done.returncode == 0 and b"no flight recorder waits here" in done.stderr
    return oracle.compare(running.facts(), collector.taps()).check()


def test_all():
    """What had been sent is shown on request only, and is no less complete."""
    running = start()
    running.collector.wait(2 * COUNT)
    until(lambda: not cli.run("recover", "--live", running.path).stdout,
          "the last note of what was sent")
    kill(running)
    done = cli.run("recover", running.path)
    assert done.stdout == b"" and b"; 0 not sent, 80 sent" in done.stderr, done
    target = f"{namespace.ROOM}/recovered.fstrm"
    cli.good("recover", "--all", "-w", target, running.path)
    return compare(running, framestream.read_file(target))


def test_not_taken():
    """Where not all was taken nothing is removed, and the status says so."""
    running = start(Absent)
    kill(running)
    cli.refused(cli.UNAVAILABLE, "recover", "--remove", "-u", "/mnt/none", RECORDERS)
    Collector(answers=False)
    said = cli.refused(cli.UNAVAILABLE, "recover", "--remove", "-u",
                       f"{namespace.ROOM}/tap.sock", RECORDERS)
    assert "ACCEPT" in said, said
    assert os.listdir(RECORDERS) == [os.path.basename(running.path)]
    assert len(cli.good("recover", RECORDERS).splitlines()) == 2 * COUNT


def test_unfinished():
    """A collector that ends before it has acknowledged the last one."""
    running = start(Absent)
    kill(running)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{namespace.ROOM}/rude.sock")
    listener.listen()

    def take():
        peer = listener.accept()[0]
        peer.recv(1 << 16)
        peer.sendall(framestream.control(framestream.ACCEPT, framestream.CONTENT_TYPE))
        cutter, kinds = framestream.Cutter(), []
        while framestream.STOP not in kinds:
            kinds += [kind for kind, _ in cutter.feed(peer.recv(1 << 16))]
        peer.close()

    threading.Thread(target=take, daemon=True).start()
    said = cli.refused(cli.UNAVAILABLE, "recover", "--remove", "-u",
                       f"{namespace.ROOM}/rude.sock", RECORDERS)
    assert "not acknowledged" in said, said
    assert os.path.exists(running.path)


def test_alive():
    """The recorder of a process that lives is its own."""
    running = start(Absent)
    assert "--live" in cli.refused(BUSY, "recover", running.path)
    done = cli.run("recover", RECORDERS)
    assert done.returncode == 0 and b"no flight recorder waits here" in done.stderr
    assert len(cli.good("recover", "--live", RECORDERS).splitlines()) == 2 * COUNT
    shown = cli.good("inspect", running.process.child.pid)
    assert RECORDERS in shown and "waiting         none" in shown, shown
    kill(running)
    assert f"waiting         {os.path.basename(running.path)}" in \
        cli.good("inspect", RECORDERS)


def test_refused():
    """What is no recorder, or none that can be read, is named and told why."""
    running = start(Absent)
    kill(running)
    wrong = f"{namespace.ROOM}/wrong"

    def said(status, word, *options):
        assert word in cli.refused(status, "recover", *options, wrong)

    said(cli.NOINPUT, "No such file")
    os.mkfifo(wrong)
    said(cli.DATAERR, "a pipe")
    os.unlink(wrong)
    os.symlink(running.path, wrong)
    said(cli.NOINPUT, "symbolic link")
    os.unlink(wrong)
    open(wrong, "w").close()
    said(cli.DATAERR, "is empty")
    with open(running.path, "rb") as file:
        octets = file.read()
    for size, word in (10, "cut"), (5000, "cut"), (len(octets) - 1, "cut"):
        with open(wrong, "wb") as file:
            file.write(octets[:size])
        said(cli.DATAERR, word)
    with open(wrong, "wb") as file:
        file.write(octets[:8] + bytes([octets[8] + 1]) + octets[9:])
    said(cli.DATAERR, "another version")
    with open(wrong, "wb") as file:
        file.write(b"x" * len(octets))
    said(cli.DATAERR, "no flight recorder")


def test_itself():
    """A recorder is not written over, by its name or its directory's."""
    running = start(Absent)
    kill(running)
    with open(running.path, "rb") as file:
        octets = file.read()
    for name in running.path, RECORDERS:
        said = cli.refused(cli.USAGE, "recover", "--remove", "-w", running.path, name)
        assert "it is read" in said, said
        with open(running.path, "rb") as file:
            assert file.read() == octets, name


WRONG = ["--no-such", "-u", "-u a -l b:1", "-u a -w b", "-q -u a", "-q -j", "-a",
         "-a -w b", "--live --remove", "--live -u a", "-l nonsense", "-l a:65536", "--all=1"]


def test_usage():
    cli.refused(cli.USAGE, "recover")
    for words in WRONG:
        cli.refused(cli.USAGE, "recover", *words.split(), RECORDERS)
