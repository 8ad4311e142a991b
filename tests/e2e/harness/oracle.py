# SPDX-License-Identifier: Apache-2.0
"""Is the log true? Every message that crossed the wire must be in it exactly
once, byte for byte, with the right type, addresses, ports and times."""

import statistics
from collections import defaultdict
from dataclasses import dataclass, field

from . import dns

MILLISECOND = 10**6
EARLY = 1 * MILLISECOND  # a clock read beside the kernel's
LATE = 400 * MILLISECOND  # a message may wait in the server's socket buffer
TYPICAL = 5 * MILLISECOND  # at most, for the median of a run


@dataclass(frozen=True)
class Fact:
    """One message as it ought to be logged."""

    time: int
    type: str
    query: object  # the Fact of the query that this response answers
    key: tuple  # what tells messages apart


def _type(asked, query, response):
    flags = dns.flags(query)
    if dns.opcode(query) == dns.UPDATE:
        kind = "UPDATE"
    elif asked:
        kind = "FORWARDER" if flags & dns.RD else "RESOLVER"
    else:
        kind = "CLIENT" if flags & dns.RD else "AUTH"
    return f"{kind}_{'RESPONSE' if response else 'QUERY'}"


def facts(wire, serves, asks=(), port=53):
    """What a server at the addresses `serves`, which asks those of `asks`, has
    to log. Less than a header is not a message."""
    found, queries = [], {}
    for m in wire:
        source, target = (m.source, m.source_port), (m.target, m.target_port)
        sends = (m.source in serves and m.source_port == port
                 or m.target in asks and m.target_port == port)
        receives = (m.target in serves and m.target_port == port
                    or m.source in asks and m.source_port == port)
        if len(m.payload) < 12 or not (sends or receives):
            continue
        response = dns.is_response(m.payload)
        asker, answerer = (target, source) if response else (source, target)
        thread = m.protocol, asker, answerer, dns.ident(m.payload)
        query = queries.get(thread) if response else None
        asked = sends != response
        fact = Fact(m.time, _type(asked, query.key[-1] if query else m.payload, response),
                    query, (m.protocol, *asker, *answerer, response, m.payload))
        if not response:
            queries[thread] = fact
        found.append(fact)
    return found


@dataclass
class Verdict:
    facts: int = 0
    missing: list = field(default_factory=list)
    surplus: list = field(default_factory=list)
    wrong: list = field(default_factory=list)  # (field, expected, logged, key)
    delays: list = field(default_factory=list)  # ns, log minus wire

    def clean(self):
        return bool(self.facts and not (self.missing or self.surplus or self.wrong))

    def row(self):
        delays = [abs(delay) for delay in self.delays] or [0]
        return {"messages": self.facts, "missing": len(self.missing),
                "surplus": len(self.surplus), "wrong": len(self.wrong),
                "off by (median)": f"{statistics.median(delays) / 1000:.0f} µs",
                "off by (most)": f"{max(delays) / MILLISECOND:.1f} ms"}

    def check(self):
        assert self.clean(), self.text()
        typical = statistics.median(abs(delay) for delay in self.delays)
        assert typical <= TYPICAL, f"times are off by {typical / 1e6:.1f} ms"
        return self.row()

    def text(self, most=8):
        lines = [f"{self.facts} messages: {len(self.missing)} missing, "
                 f"{len(self.surplus)} surplus, {len(self.wrong)} wrong"]
        for title, keys in ("missing", self.missing), ("surplus", self.surplus):
            lines += [f"  {title}: {_show(key)}" for key in keys[:most]]
        lines += [f"  wrong {what}: {expected} on the wire, {logged} in the log: "
                  f"{_show(key)}" for what, expected, logged, key in self.wrong[:most]]
        return "\n".join(lines)


def _show(key):
    protocol, asker, asking_port, answerer, port, _, payload = key
    return (f"{protocol} {asker}#{asking_port} asks {answerer}#{port}: "
            f"{dns.describe(payload)}")


def _key(tap):
    return (tap.protocol, tap.query_address, tap.query_port, tap.response_address,
            tap.response_port, tap.is_response, tap.payload)


def compare(expected, log):
    """expected: facts(); log: decoded taps, in the order in which they came."""
    verdict = Verdict(len(expected))
    logged = defaultdict(list)
    for tap in log:
        logged[_key(tap)].append(tap)
    pairs = {}
    for fact in expected:
        if logged[fact.key]:
            pairs[id(fact)] = fact, logged[fact.key].pop(0)
        else:
            verdict.missing.append(fact.key)
    for key, taps in logged.items():
        verdict.surplus += [key] * len(taps)
    for fact, tap in pairs.values():
        _compare_one(verdict, fact, tap, pairs.get(id(fact.query)))
    return verdict


def _compare_one(verdict, fact, tap, query):
    def same(what, expected, logged):
        if expected != logged:
            verdict.wrong.append((what, expected, logged, fact.key))

    family = "INET6" if ":" in fact.key[1] else "INET"
    same("type", fact.type, tap.type)
    same("family", family, tap.family)
    if tap.is_response:
        same("query_time", query and query[1].query_time, tap.query_time)
    if tap.time is None:
        verdict.wrong.append(("time", fact.time, None, fact.key))
        return
    verdict.delays.append(tap.time - fact.time)
    if not -EARLY <= tap.time - fact.time <= LATE:
        verdict.wrong.append(("time", fact.time, tap.time, fact.key))
    if query and query[1].time > fact.time + EARLY:
        verdict.wrong.append(("order", fact.time, query[1].time, fact.key))
