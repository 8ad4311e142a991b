# SPDX-License-Identifier: Apache-2.0
"""Under fire from anybody on the network, each server answers, and its log is
true: what crossed its sockets is logged once, with its client, or counted under
its cause.

The witness (harness/witness.py) tells what the kernel gave to the server and
took from it; the wire tells that the witness is right.
"""

import glob
import os
import time
from collections import Counter, defaultdict

from harness import chaos, dns, namespace, oracle, servers, witness
from harness.collector import Collector
from harness.each import each
from harness.metrics import SETTING, Metrics
from harness.process import until
from harness.wire import Recorder

SECONDS = 10
QUEUE = 10  # times 10,000 messages: an overloaded machine is not on trial
HEADER = 12


def is_response(payload):
    return len(payload) >= HEADER and dns.is_response(payload)


class Truth:
    """What ought to be logged, and what counted under which cause."""

    def __init__(self, wire, server, calls):
        self.server, self.causes = server, Counter()
        self.either = []  # messages that may be logged or counted as unsolicited
        self.messages = []
        self.asked = {call.remote for call in calls if call.sent
                      and call.remote and call.remote[1] == 53}
        self.sides = witness.sides(calls)
        self._datagrams(wire, [call for call in calls if not call.stream])
        self._connections(wire)
        self.messages.sort(key=lambda message: message.time)

    def _sort(self, message, sent, serving, cut=False):
        """Under which cause is it counted, if it is?"""
        if cut and not sent:
            self.causes["truncated"] += 1
        elif len(message.payload) < HEADER:
            self.causes["malformed"] += 1
        elif message.payload == self.server.server.ignore:
            self.either.append(message)
        elif not sent and serving and is_response(message.payload):
            if (message.source, message.source_port) in self.asked:
                self.either.append(message)
            else:
                self.causes["unsolicited"] += 1
        elif (not sent and is_response(message.payload)
              and (message.source, message.source_port) not in self.asked):
            self.either.append(message)
        else:
            self.messages.append(message)

    def _datagrams(self, wire, calls):
        """Each was on the wire, which knows its addresses; and nothing was there
        that the server did not send, or that the kernel did not drop."""
        crossed = defaultdict(list)
        for m in wire:
            if m.protocol == "UDP":
                crossed[m.source_port, m.target_port, m.payload[:HEADER]].append(m)
        for call in calls:
            if not call.octets:
                continue
            ports = (call.source() or (0, 0))[1], (call.target() or (0, 0))[1]
            those = crossed[(*ports, call.octets[:HEADER])]
            found = next((m for m in those if self._is(m, call)), None)
            assert found, f"not on the wire: {call}"
            those.remove(found)
            self._sort(found, call.sent, call.local[1] == 53,
                       len(found.payload) > len(call.octets))
        left = [m for those in crossed.values() for m in those]
        sent = [m for m in left if m.source in self.server.addresses
                and m.source_port == 53 or m.target == namespace.UPSTREAM]
        assert not sent, f"the witness missed {len(sent)}, such as {sent[0]}"
        self.lost = sum(m.target in self.server.addresses and m.target_port == 53
                        and bool(m.payload) for m in left)

    @staticmethod
    def _is(m, call):
        """Is this message of the wire the one that the call carried?"""
        whole = m.payload.startswith(call.octets)
        ends = ((call.source(), (m.source, m.source_port)),
                (call.target(), (m.target, m.target_port)))
        return whole and all(
            known is None or known == seen or known[0] in ("0.0.0.0", "::")
            for known, seen in ends)

    def _connections(self, wire):
        """What was read had crossed the wire, and what crossed it was written, in
        that order."""
        crossed, passed = defaultdict(list), defaultdict(list)
        for m in wire:
            if m.protocol == "TCP":
                crossed[m.source, m.source_port, m.target, m.target_port].append(
                    m.payload)
        for (_, sent), side in self.sides.items():
            for m in side.messages:
                passed[m.source, m.source_port, m.target, m.target_port, sent].append(
                    m.payload)
                serving = (m.source_port if sent else m.target_port) == 53
                self._sort(m, sent, serving)
        for (*ends, sent), payloads in passed.items():
            few, many = crossed[tuple(ends)], payloads
            if not sent:
                few, many = many, few
            rest = iter(many)
            assert all(payload in rest for payload in few), (
                f"the witness and the wire differ: {ends}")

    def facts(self):
        asks = [namespace.UPSTREAM] if self.server.server.upstream else []
        return oracle.facts(self.messages, self.server.addresses, asks)

    def total(self):
        return len(self.messages) + len(self.either) + self.causes.total()


def assail(server):
    """Ten seconds of it. Returns how often each did what it does."""
    upstream = namespace.UPSTREAM if server.server.upstream else None
    workers = [chaos.Honest(server.addresses),
               chaos.Spoofed(server.addresses, upstream)]
    if server.server.tcp:
        workers.append(chaos.Strangers(server.addresses))
    workers = [worker for worker in workers
               if not chaos.ONLY or type(worker).__name__ in chaos.ONLY]
    for worker in workers:
        worker.start()
    workers[0].ended.wait(SECONDS)
    for worker in reversed(workers):
        worker.stop()
    server.process.alive()
    return {type(worker).__name__: worker.count for worker in workers}


def settle(server, wire):
    """Until it has read all that came."""
    until(lambda: not any(waiting for _, waiting, _ in servers.udp_sockets()),
          "the server does not read")
    for address in server.addresses:
        assert server._answers(address)
    wire.quiet()


def written(began):
    """Is every metrics file younger than that?"""
    return all(os.stat(path).st_mtime > began for path in
               glob.glob(f"{namespace.ROOM}/metrics.*[0-9]"))


def end(server, collector):
    """Ends the server. One that SIGTERM kills on the spot must have said all
    before."""
    if not server.server.lingers:
        began = time.time()
        until(lambda: written(began), "the metrics of every process", 60)
        collector.wait(Metrics().count["sent_total"])
    server.stop()
    return collector.taps(orderly=server.server.lingers)


def check(truth, taps, metrics):
    """The log and the counters against what happened."""
    either = Counter(m.payload for m in truth.either)
    expected = Counter(fact.key for fact in truth.facts())
    logged, doubtful = [], 0
    for tap in taps:
        key = tap.protocol, tap.query_port, tap.response_port, tap.is_response, \
            tap.payload
        if not expected[key] and either[tap.payload]:
            either[tap.payload] -= 1
            doubtful += 1
        else:
            expected[key] -= 1
            logged.append(tap)
    verdict = oracle.compare(truth.facts(), logged)
    faults = [] if verdict.clean() else [verdict.text()]
    causes = truth.causes + Counter(unsolicited=len(truth.either) - doubtful)
    for cause in sorted({*causes, *metrics.drops()}):
        if causes[cause] != metrics.dropped[cause]:
            faults.append(f"{cause}: {causes[cause]} happened, "
                          f"{metrics.dropped[cause]} counted")
    if metrics.count["captured_total"] != truth.total():
        faults.append(f"captured: {truth.total()} crossed the sockets, "
                      f"{metrics.count['captured_total']} counted")
    assert not faults, "\n".join(faults)


@each(servers.SERVERS)
def test_true(name):
    print(f"CHAOS_SEED={chaos.SEED}")
    server = servers.SERVERS[name]
    collector = Collector(port=6000 if server.chroot else None)
    if server.upstream:
        servers.Running("nsd", address=namespace.UPSTREAM)
    wire = Recorder()
    running = servers.Running(name, {
        **servers.tap_environment(f"dnstap {collector.endpoint} full 1 {QUEUE}",
                                  **SETTING), **witness.preload(servers.LIBRARY)})
    counts = assail(running)
    settle(running, wire)
    taps = end(running, collector)
    truth = Truth(wire.messages(), running, witness.calls())
    metrics = Metrics()
    metrics.check()
    lost = sum(dropped for _, _, dropped in servers.udp_sockets())
    check(truth, taps, metrics)
    return {"messages": len(truth.messages), **counts, "lost": truth.lost,
            "counted": ", ".join(f"{count} {cause}" for cause, count
                                 in metrics.drops().items())}
