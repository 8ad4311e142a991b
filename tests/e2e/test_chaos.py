# SPDX-License-Identifier: Apache-2.0
"""Under fire from anybody on the network, each server answers, and its log is
true: what crossed its sockets is logged once, with its client, or counted under
its cause.

The witness (harness/witness.py) tells what the kernel gave to the server and
took from it; the wire tells that the witness is right.
"""

import glob
import os
import subprocess
import time
from collections import Counter, defaultdict
from dataclasses import replace

from harness import chaos, dns, namespace, oracle, servers, witness
from harness.collector import Collector
from harness.each import each
from harness.metrics import SETTING, Metrics
from harness.process import until
from harness.wire import Recorder

SECONDS = 10
QUEUE = 10  # times 10,000 messages: an overloaded machine is not on trial
HEADER = 12
FORKS = "dnsmasq"  # a child for each connection, which sends for a short time only
TINY = 500  # messages without a header, after which a stream is given up


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
        crossed = {True: defaultdict(list), False: defaultdict(list)}
        for m in wire:
            if m.protocol == "UDP":
                for direction in crossed.values():  # it may talk to itself
                    direction[m.payload[:HEADER]].append(m)
        for call in filter(lambda call: call.octets, calls):
            those = crossed[call.sent][call.octets[:HEADER]]
            found = next((m for m in those if self._is(m, call)), None)
            assert found, f"not on the wire: {call}"
            those.remove(found)
            self._sort(replace(found, time=call.time), call.sent, call.local[1] == 53,
                       len(found.payload) > len(call.octets))
        sent, received = ([m for those in crossed[sent].values() for m in those]
                          for sent in (True, False))
        missed = [m for m in sent if m.source in self.server.addresses
                  and m.source_port == 53 or m.target == namespace.UPSTREAM]
        assert not missed, f"the witness missed {len(missed)}, such as {missed[0]}"
        self.lost = sum(m.target in self.server.addresses and m.target_port == 53
                        and bool(m.payload) for m in received)

    @staticmethod
    def _is(m, call):
        """Is this message of the wire the one that the call carried?"""
        return m.payload.startswith(call.octets) and all(
            known is None
            or known[0] in ("0.0.0.0", "::", seen[0]) and known[1] in (0, seen[1])
            for known, seen in ((call.source(), (m.source, m.source_port)),
                                (call.target(), (m.target, m.target_port))))

    def _connections(self, wire):
        """What was read had crossed the wire, and what crossed it was written.
        Threads may write to one connection at once: the order is not compared."""
        crossed, passed = defaultdict(list), defaultdict(list)
        for m in wire:
            if m.protocol == "TCP":
                crossed[m.source, m.source_port, m.target, m.target_port].append(
                    m.payload)
        for (_, sent), side in self.sides.items():
            self._direction(sent, side)
            for m in (m for _, messages in side.calls for m in messages):
                passed[m.source, m.source_port, m.target, m.target_port, sent].append(
                    m.payload)
        for (*ends, sent), payloads in passed.items():
            few, many = Counter(crossed[tuple(ends)]), Counter(payloads)
            strange = few - many if sent else many - few
            assert not strange, (f"the witness and the wire differ: {ends}, "
                                 + ", ".join(map(dns.describe, strange)))

    def _direction(self, sent, side):
        """What is given up counts the call that it is given up in, and each
        later one."""
        tiny = 0
        for call, messages in side.calls:
            for m in messages if tiny <= TINY else ():
                tiny += len(m.payload) < HEADER
                if tiny > TINY:
                    break
                self._sort(m, sent, call.local[1] == 53)
            self.causes["stream"] += tiny > TINY

    def facts(self):
        asks = [namespace.UPSTREAM] if self.server.server.upstream else []
        return [self._alone(fact) for fact in oracle.facts(
            self.messages, self.server.addresses, asks)]

    @staticmethod
    def _alone(fact):
        """A response that only happens to have the id of a query is nobody's."""
        if not fact.query or oracle.matches(fact):
            return fact
        kind = fact.type.split("_")[0]
        for pair in ("FORWARDER", "RESOLVER"), ("CLIENT", "AUTH"):
            if kind in pair:
                kind = pair[not dns.flags(fact.key[-1]) & dns.RD]
        return replace(fact, query=None, type=f"{kind}_RESPONSE")

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


def processes(server):
    """How many it consists of: some have one for each connection."""
    pid = server.process.child.pid
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return len(children.read().split())


def settle(server, wire, before):
    """Until it has read all that came, and is as many processes as before."""
    until(lambda: not any(waiting for _, waiting, _ in servers.udp_sockets()),
          "the server does not read")
    until(lambda: processes(server) <= before, "the end of its children")
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
    return collector.taps(orderly=server.server.lingers and server.process.name != FORKS)


def summary(verdict):
    """Of what kinds the faults are."""
    surplus = Counter(key[-1] for _, key in verdict.surplus)
    kinds = Counter()
    for (_, _), (protocol, port, _, response, payload) in verdict.missing:
        same = surplus[payload] > 0
        surplus[payload] -= same
        kinds[f"{protocol} {'response' if response else 'query'} "
              f"{'logged with other addresses' if same else 'missing'}"] += 1
    for (_, _), (protocol, _, _, response, payload) in verdict.surplus:
        if surplus[payload] > 0:
            surplus[payload] -= 1
            kinds[f"{protocol} {'response' if response else 'query'} surplus"] += 1
    for what, *_ in verdict.wrong:
        kinds[f"wrong {what}"] += 1
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())


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
    causes = truth.causes + Counter(unsolicited=len(truth.either) - doubtful)
    if truth.server.process.name == FORKS:
        causes["endpoint"] = len(verdict.missing)
        verdict.missing.clear()
    faults = [] if verdict.clean() else [summary(verdict), verdict.text(4)]
    for cause in sorted({*causes, *metrics.drops()}):
        if causes[cause] != metrics.dropped[cause]:
            faults.append(f"{cause}: {causes[cause]} happened, "
                          f"{metrics.dropped[cause]} counted")
    if metrics.count["captured_total"] != truth.total():
        faults.append(f"captured: {truth.total()} crossed the sockets, "
                      f"{metrics.count['captured_total']} counted")
    assert not faults, "\n".join(faults)


def see_room(root):
    """The room is in its place for a server that makes this its root, too."""
    os.chmod(namespace.ROOM, 0o777)  # it drops its privileges, too
    os.makedirs(root + namespace.ROOM)
    subprocess.run(["mount", "--bind", namespace.ROOM, root + namespace.ROOM],
                   check=True)


@each(servers.SERVERS)
def test_true(name):
    print(f"CHAOS_SEED={chaos.SEED}")
    server = servers.SERVERS[name]
    collector = Collector(port=6000 if server.chroot else None)
    if server.upstream:
        servers.Running("nsd", address=namespace.UPSTREAM)
    if server.chroot:
        see_room(f"{namespace.ROOM}/{name}-{namespace.SERVER4}")
    wire = Recorder()
    running = servers.Running(name, {
        **servers.tap_environment(f"dnstap {collector.endpoint} full 1 {QUEUE}",
                                  **SETTING), **witness.preload(servers.LIBRARY)})
    before = processes(running)
    counts = assail(running)
    settle(running, wire, before)
    taps = end(running, collector)
    truth = Truth(wire.messages(), running, witness.calls())
    metrics = Metrics()
    metrics.check()
    check(truth, taps, metrics)
    return {"messages": len(truth.messages), **counts, "lost": truth.lost,
            "counted": ", ".join(f"{count} {cause}" for cause, count
                                 in metrics.drops().items())}
