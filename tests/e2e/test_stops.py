# SPDX-License-Identifier: Apache-2.0
"""Servers that leave SIGTERM to its default action, stopped while they are busy:
what the kernel gave to them and took from them up to their death is in the log,
once, and to their parent it was the signal.

STOPS is how often, STOPS_SEED when.
"""

import os
import random
import re
import select
import signal
import socket
import threading

from harness import load, namespace, oracle, servers, witness
from harness.collector import Collector
from harness.each import each
from harness.process import LeftOut, read, until
from harness.wire import Message

STOPS = int(os.environ.get("STOPS", "4"))
SEED = os.environ.get("STOPS_SEED", "1")
SERVERS = "pdns_server", "dnsdist", "tinydns", "gdnsd"
CLIENTS, AHEAD = 8, 8  # sockets, and queries under way on each


class Storm:
    """Asks without a pause until it is told to end; `answers` counts."""

    def __init__(self, address, seed):
        self.address, self.answers, self.over = address, 0, False
        self.mix = load.Mix(seed, odd=0)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                   for _ in range(CLIENTS)]
        for client in clients:
            client.bind((namespace.CLIENTS4[-1], 0))
            client.setblocking(False)
            self._ask(client, AHEAD)
        while not self.over:
            ready = select.select(clients, [], [], 0.2)[0]
            for client in ready:
                try:
                    client.recv(65535)
                    self.answers += 1
                except OSError:
                    pass  # nobody listens there any more
                self._ask(client, 1)
            for client in [] if ready else clients:
                self._ask(client, 1)  # an answer has gone astray
        for client in clients:
            client.close()

    def _ask(self, client, count):
        for _ in range(count):
            try:
                client.sendto(self.mix.next().message, (self.address, 53))
            except OSError:
                pass

    def end(self):
        self.over = True
        self.thread.join()


def truth(running):
    """The messages of all calls that came back to the library."""
    asks = [namespace.UPSTREAM] if running.server.upstream else []
    messages = [Message(call.time, "UDP", *call.source(), *call.target(), call.octets)
                for call in witness.calls() if call.octets and not call.stream]
    return oracle.facts(sorted(messages, key=lambda m: m.time), running.addresses, asks)


def stop_once(name, collector, draw):
    """Returns what was missing, and how many messages there were."""
    if os.path.exists(witness.PATH):
        os.unlink(witness.PATH)
    before = len(collector.frames)
    environment = servers.tap_environment(f"dnstap {collector.endpoint} full 1 10")
    # Behind the library: it sees what the kernel says, and the library nothing
    # that it does not see.
    behind = witness.preload(servers.LIBRARY)
    behind["LD_PRELOAD"] = ":".join(reversed(behind["LD_PRELOAD"].split(":")))
    running = servers.Running(name, {**environment, **behind})
    storm = Storm(namespace.SERVER4, f"{name} {draw.random()}")
    wanted = draw.randrange(100, 600)
    until(lambda: storm.answers >= wanted and running.process.alive(), "answers")
    running.stop()
    storm.end()
    assert running.process.code == -signal.SIGTERM, running.process.code
    taps = collector.taps(orderly=False)[before:]
    verdict = oracle.compare(truth(running), taps)
    assert not verdict.surplus and not verdict.wrong, verdict.text()
    return verdict


def takes_sigterm(name):
    """Has it a handler of its own, without the library?"""
    running = servers.Running(name)
    status = read(f"/proc/{running.process.child.pid}/status")
    running.stop()
    taken = int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16)
    return taken >> (signal.SIGTERM - 1) & 1


@each(SERVERS)
def test_complete(name):
    draw = random.Random(f"{SEED} {name}")
    collector = Collector(port=6000 if servers.SERVERS[name].chroot else None)
    if servers.SERVERS[name].upstream:
        servers.Running("nsd", address=namespace.UPSTREAM)
    if name == "dnsdist" and takes_sigterm(name):
        raise LeftOut("this dnsdist, of 1.9 or newer, exits by itself")
    verdicts = [stop_once(name, collector, draw) for _ in range(STOPS)]
    lacking = [verdict for verdict in verdicts if verdict.missing]
    assert not lacking, (f"{len(lacking)} of {STOPS} stops, "
                         f"{sum(len(verdict.missing) for verdict in lacking)} in all: "
                         + lacking[0].text())
    collector.taps()
    return {"stops": STOPS, "messages": sum(verdict.facts for verdict in verdicts),
            "missing": 0}
