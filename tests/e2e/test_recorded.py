# SPDX-License-Identifier: Apache-2.0
"""With a flight recorder nothing is different, and nothing is left of it."""

import glob
import os
import signal

from harness import cli, host, load, namespace, oracle, servers
from harness.collector import Collector
from harness.each import each
from harness.process import until
from harness.scene import Scene

RECORDERS = f"{namespace.ROOM}/recorders"
SETTING = {"DNSTAP_RECORDER": RECORDERS}
UDP, TCP = 1000, 100  # queries to each address of a server


def make_directory():
    os.makedirs(RECORDERS)
    os.chmod(RECORDERS, 0o1777)  # servers become other users


def left():
    return glob.glob(f"{RECORDERS}/*")


@each(servers.SERVERS)
def test_complete(name):
    """What a server's children have is recorded a second later."""
    server = servers.SERVERS[name]
    make_directory()
    collector = Collector(port=6000 if server.chroot else None)
    scene = Scene(name, f"dnstap {collector.endpoint} full", **SETTING)
    if not server.chroot:
        until(left, "a recorder")
    load.udp(scene.server.addresses, UDP, load.Mix(name, servers.odd(name)))
    if server.tcp:
        load.tcp(scene.server.addresses, TCP, load.Mix(f"{name} tcp"))
    scene.stop(collector)
    row = scene.check(collector.taps(orderly=server.lingers))
    if server.lingers:
        assert not left(), left()
    else:  # it does not outlive SIGTERM: all of it had been sent
        said = cli.run("recover", "-w", "/dev/null", RECORDERS).stderr.decode()
        assert said.count("; 0 not sent") == len(left()), said
    return row


def refused(directory, why=""):
    running = host.Host(host.build("end"), "exit", DNSTAP_RECORDER=directory)
    running.udp(40)
    running.end(3)
    assert f"no flight recorder in {directory}: {why}" in running.log(), running.log()
    return running.check()


def test_nowhere():
    return refused("/nowhere")


def test_full():
    """A file system without room: the queue stays in memory, and nobody is killed
    by a page that cannot be had."""
    make_directory()
    os.system(f"mount -t tmpfs -o size=4m none {RECORDERS}")
    row = refused(RECORDERS)
    assert not left(), left()
    return row


def test_successor():
    """It sends what its predecessor had not, as that would have, before its own."""
    make_directory()
    collector = Collector(name="nobody.sock")
    collector.kill()
    first = host.Host(host.build("end"), "terminate", collector,
                      DNSTAP_VERSION="first", **SETTING)
    first.udp(40)
    until(lambda: len(cli.run("recover", "--live", "-q", *left()).stdout.splitlines())
          == 80, "the recorder")
    first.process.send(signal.SIGKILL)
    first.end(-signal.SIGKILL)
    collector = Collector(name="nobody.sock")
    second = host.Host(host.build("end"), "exit", collector,
                       DNSTAP_VERSION="second", **SETTING)
    second.udp(20)
    collector.wait(80)  # one that ends at once leaves them to the next
    second.udp(20)
    second.end(3)
    assert "has left 80 messages unsent" in second.log(), second.log()
    taps = collector.taps()
    assert [tap.version for tap in taps] == [b"first"] * 80 + [b"second"] * 80
    assert not left(), left()
    return oracle.compare(first.facts(), taps).check()


def test_too_many():
    """A program that crashes again and again does not fill the directory."""
    make_directory()
    for number in range(32):
        with open(f"{RECORDERS}/end.{100000 + number}.1", "w") as file:
            file.write("something")
    return refused(RECORDERS, "there are too many of this program")


def test_forked():
    """Each has a file of its own, and none its parent's."""
    make_directory()
    running = host.Host(host.build("fork"), "fork", **SETTING)
    running.udp(120)
    running.end()
    assert not left(), left()
    return running.check()
