# SPDX-License-Identifier: Apache-2.0
"""Whatever its collector does, the server starts, answers and exits as without
the library, and what was queued meanwhile is not lost."""

import signal

from harness import load, namespace, servers
from harness.collector import Collector, FstrmCapture
from harness.dnstap import decode
from harness.each import each
from harness.scene import Scene

QUERIES = 500

# What stands at the endpoint; each returns the endpoint and what to keep alive.
ENDPOINTS = {
    "absent_unix": lambda: ("/mnt/nobody.sock", None),
    "absent_tcp": lambda: ("tcp://127.0.0.1:6000", None),
    "unreachable": lambda: (f"tcp://{namespace.NOWHERE}:6000", None),
    "mute": lambda: with_endpoint(Collector(answers=False)),
    "mute_tcp": lambda: with_endpoint(Collector(port=6000, answers=False)),
    "stopped": lambda: with_endpoint(stopped()),
}


def with_endpoint(collector):
    return collector.endpoint, collector


def stopped():
    collector = FstrmCapture()
    collector.send(signal.SIGSTOP)
    return collector


def life(environment):
    """(answers, seconds to exit) of a server, which starts and ends in time."""
    server = servers.Running("named", environment)
    answers = load.udp(server.addresses, QUERIES, load.Mix("unhappy"))
    return answers, server.stop()


@each(ENDPOINTS)
def test_harmless(kind):
    bare_answers, bare_exit = life({})
    endpoint, _collector = ENDPOINTS[kind]()
    answers, exit_ = life(servers.tap_environment(f"dnstap {endpoint} full"))
    assert answers == bare_answers, "the answers differ"
    return f"exit {exit_ - bare_exit:+.2f} s"


def ask(scene, seed):
    load.udp(scene.server.addresses, QUERIES, load.Mix(seed))
    return scene.settle()


@each({"unix": None, "tcp": 6000})
def test_restarted(kind):
    """Idle when its collector dies; asked on while there is none."""
    port = 6000 if kind == "tcp" else None
    first = Collector(port)
    scene = Scene("named", f"dnstap {first.endpoint} full")
    first.wait(ask(scene, "before"))
    first.kill()
    ask(scene, "meanwhile")
    second = Collector(port)
    ask(scene, "after")
    scene.stop()
    return scene.check(first.taps() + second.taps())


def test_late():
    """No collector until all the questions were asked."""
    scene = Scene("named", "dnstap /mnt/tap.sock full")
    ask(scene, "early")
    collector = Collector()
    collector.wait(len(scene.facts()))
    scene.stop()
    return scene.check(collector.taps())


def test_last():
    """No collector until the server ends, which is long before the next look for one."""
    scene = Scene("dnsmasq", "dnstap /mnt/tap.sock full 1 2")
    for part in range(6):
        ask(scene, f"early {part}")
    collector = Collector()
    scene.stop()
    return scene.check(collector.taps())


def test_paused():
    """A collector that stops in the middle and goes on later."""
    collector = FstrmCapture()
    scene = Scene("named", f"dnstap {collector.endpoint} full")
    ask(scene, "before")
    collector.send(signal.SIGSTOP)
    ask(scene, "meanwhile")
    collector.send(signal.SIGCONT)
    scene.stop()
    return scene.check([decode(frame) for frame in collector.frames()])


@each(["named", "rbldnsd"])
def test_absent_said(name):
    """At the start that there is something to wait for; then who is to make the socket,
    and where."""
    scene = Scene(name, "dnstap /mnt/nobody.sock full\ndnstap /mnt/none.sock full")
    scene.stop()
    said = scene.server.process.output()
    assert said.count(": tapping port 53 for 2 taps\n") == 1, said
    cause = ("nobody.sock: No such file or directory: the collector that makes it "
             "is to be started")
    chroot = ", and to make it in the chroot that this process is in"
    assert cause + (chroot if scene.server.server.chroot else ";") in said, said
