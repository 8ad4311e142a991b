# SPDX-License-Identifier: Apache-2.0
"""Servers that are killed under load, at any moment: what the wire saw them take and
send is in the log, sent by themselves or by their successors, or recovered; once."""

import os
import random
import re
import select
import signal
import socket
import time
from collections import Counter

from harness import cli, dns, dnstap, framestream, host, load, namespace, oracle, servers
from harness.collector import Collector
from harness.each import each
from harness.process import until
from harness.wire import Recorder

KILLS = int(os.environ.get("KILLS", 3))  # of each server by each signal
RECORDERS = f"{namespace.ROOM}/recorders"
LAST = oracle.MILLISECOND  # before the end: a thread may have been within a call
SERVERS = "named", "unbound", "pdns_server", "dnsmasq"
SIGNALS = "SIGKILL", "SIGSEGV"
EXITS = "pdns_server.SIGSEGV",  # has a handler that calls exit(3): no crash for us
BATCH, RATE = 10, 2000  # queries at a time, and a second


def ask(address, mix, seconds):
    """Whatever becomes of them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect((address, 53))
        asking.setblocking(False)
        for _ in range(int(seconds * RATE / BATCH)):
            due = time.monotonic() + BATCH / RATE
            for _ in range(BATCH):
                asking.send(mix.next().message)
            while (rest := due - time.monotonic()) > 0:
                if select.select([asking], [], [], rest)[0]:
                    drain(asking)


def drain(asking):
    try:
        while True:
            asking.recv(1 << 16)
    except BlockingIOError:
        pass


def path_of(process):
    return f"{RECORDERS}/{process.name.partition('.')[0]}.{process.child.pid}.1"


def await_recorder(process, messages):
    """Until that many messages are in it: it is opened at the first one, but not
    within the server's call."""
    until(lambda: len(cli.run("recover", "--live", "--all", "-q", path_of(process))
                      .stdout.splitlines()) >= messages, "the recorder")


class Deaths:
    """When they came, and what of each process is in doubt: messages that it was
    within the call of."""

    def __init__(self):
        self.times, self.doubt = [], 0

    def kill(self, running, number):
        self.times.append(time.time_ns())
        running.process.send(number)
        running.process.wait(None)
        said = cli.run("recover", "-w", "/dev/null",
                       path_of(running.process)).stderr.decode()
        assert "not sent" in said or "No such file" in said, said
        self.doubt += sum(map(int, re.findall(r", (\d+) (?:in the call|torn)", said)))

    def certain(self, facts):
        """Those that must be in the log: what a server sent that lived on for a
        while, and what it answered by that."""
        found = {}
        for fact in facts:
            life = next((one for one in self.times if fact.time <= one), 0)
            if fact.sent and fact.time < life - LAST:
                found[id(fact)] = fact
                if fact.query:
                    found[id(fact.query)] = fact.query
        return Counter(fact.key for fact in found.values())


def recovered():
    """What nobody came to send."""
    target = f"{namespace.ROOM}/recovered.fstrm"
    cli.good("recover", "-w", target, RECORDERS)
    return [dnstap.decode(frame) for frame in framestream.read_file(target)]


CLOCKS_NS = 1000  # by which two readings of both clocks disagree


def is_wrong(difference):
    """What the tap would have asked the kernel for is left out, not guessed. A query that
    was sent before the end, and its response that was not, have their times by two
    readings of the clocks."""
    what, wire, logged, _ = difference
    if what == "query_time" and wire and logged:
        return abs(wire - logged) > CLOCKS_NS
    return not (what == "query_address" and logged is None)


@each([f"{name}.{number}" for name in SERVERS for number in SIGNALS])
def test_server(scene):
    name, number = scene.split(".")
    draw, mix = random.Random(scene), load.Mix(scene, odd=0)
    os.makedirs(RECORDERS)
    asks = [namespace.UPSTREAM] if servers.SERVERS[name].upstream else []
    if asks:
        servers.Running("nsd", address=namespace.UPSTREAM)
    collector, wire, deaths = Collector(), Recorder(), Deaths()
    collector.killed = True  # its senders may end within a frame
    for _ in range(KILLS):
        running = servers.Running(name, servers.tap_environment(
            f"dnstap {collector.endpoint} full", DNSTAP_RECORDER=RECORDERS))
        await_recorder(running.process, 2)
        if draw.random() < 0.5 and scene not in EXITS:
            collector.pause()
        ask(running.addresses[0], mix, draw.uniform(0.02, 0.4))
        deaths.kill(running, getattr(signal, number))
        collector.resume()
    wire.quiet(0.1)
    late = recovered()
    log = collector.taps(orderly=False) + late
    facts = oracle.facts(wire.messages(), running.addresses, asks)
    verdict = oracle.compare(facts, log)
    assert not verdict.surplus and not any(map(is_wrong, verdict.wrong)), verdict.text()
    certain = deaths.certain(facts)
    missing = certain - Counter(map(oracle._key, log))
    assert missing.total() <= deaths.doubt, verdict.text()
    return {"kills": KILLS, "messages": len(log), "certain": certain.total(),
            "missing": missing.total(), "in doubt": deaths.doubt, "twice": 0,
            "recovered at last": len(late)}


def test_by_a_query():
    """Which one was it? The last one."""
    os.makedirs(RECORDERS)
    running = host.Host(host.build("crash"), "served", DNSTAP_RECORDER=RECORDERS)
    running.udp(40)
    await_recorder(running.process, 80)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.sendto(dns.query(1, "boom.test"), (namespace.SERVER4, 53))
        running.end(-signal.SIGSEGV)
    shown = cli.good("recover", "--all", "-q", RECORDERS).splitlines()
    assert len(shown) == 81 and '"boom.test."' in shown[-1], shown[-1:]
    assert "CQ" in shown[-1] or "AQ" in shown[-1], shown[-1]
    return f"{shown[-1][16:]}"
