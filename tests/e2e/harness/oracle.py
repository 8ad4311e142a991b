# SPDX-License-Identifier: Apache-2.0
"""Is the log true? Every message that crossed the wire must be in it exactly
once, byte for byte, with the right type, addresses, ports and times."""

import statistics
from collections import defaultdict
from dataclasses import dataclass, field

from . import dns

MILLISECOND = 10**6
EARLY = 5000 * MILLISECOND  # the recorder's first packets are stamped when read
LATE = 60000 * MILLISECOND  # but it may wait, as may a thread within send()
TRANSFERS = 251, 252
TYPICAL = 500 * MILLISECOND  # at most, for the median of a run on a busy machine


@dataclass(frozen=True)
class Fact:
    """One message as it ought to be logged."""

    time: int
    type: str
    sent: bool  # by the server that is logged
    query: object  # the Fact of the query that this response answers
    ends: tuple  # the asker's address, the answerer's
    key: tuple  # protocol, their ports, is it a response, payload
    resent: tuple = ()  # earlier queries that were the same, if it came to the asker
    unsolicited: bool = False  # a response that came to a server that never asked
    again: bool = False  # a second answer over TCP, and not of a transfer


def type_of(asked, query, response):
    """Of a message that is or answers this query; asked: of the server's own."""
    flags = dns.flags(query)
    if dns.opcode(query) == dns.UPDATE:
        kind = "UPDATE"
    elif asked:
        kind = "FORWARDER" if flags & dns.RD else "RESOLVER"
    else:
        kind = "CLIENT" if flags & dns.RD else "AUTH"
    return f"{kind}_{'RESPONSE' if response else 'QUERY'}"


def _answered(queries, response):
    """The last of them; where an id was used twice, the last of its question, or else
    of its opcode."""
    question = dns.first_question(response)
    fitting = [query for query in queries[-16:]
               if dns.opcode(query.key[-1]) == dns.opcode(response)]
    same = [query for query in fitting
            if question and dns.first_question(query.key[-1]) == question]
    return (same or fitting or queries or [None])[-1]


def facts(wire, serves, asks=(), port=53):
    """What a server at the addresses `serves`, which asks those of `asks`, has
    to log. Less than a header is not a message."""
    return [fact for fact in crossed(wire, serves, asks, port)
            if not fact.unsolicited]


def crossed(wire, serves, asks=(), port=53):
    """The same, and what is counted instead because nobody asked for it."""
    found, queries, answered = [], defaultdict(list), set()
    for m in wire:
        source, target = (m.source, m.source_port), (m.target, m.target_port)
        sent = (m.source in serves and m.source_port == port
                or m.target in asks and m.target_port == port)
        received = (m.target in serves and m.target_port == port
                    or m.source in asks and m.source_port == port)
        if len(m.payload) < 12 or not (sent or received):
            continue
        if m.refused and not sent:
            continue  # the server had closed that socket, and never saw it
        response = dns.is_response(m.payload)
        asker, answerer = (target, source) if response else (source, target)
        thread = m.protocol, asker, answerer, dns.ident(m.payload)
        query = _answered(queries[thread], m.payload) if response else None
        fact = Fact(
            m.time, type_of(sent != response, query.key[-1] if query else m.payload,
                            response), sent, query, (asker[0], answerer[0]),
            (m.protocol, asker[1], answerer[1], response, m.payload),
            tuple(one for one in queries[thread][-16:]
                  if query and not sent and one.key == query.key),
            response and not sent and not query and m.target_port == port,
            id(query) in answered)
        if query and m.protocol == "TCP" and dns.qtype(m.payload) not in TRANSFERS:
            answered.add(id(query))
        if not response:
            queries[thread].append(fact)
        found.append(fact)
    return found


@dataclass
class Verdict:
    facts: int = 0
    missing: list = field(default_factory=list)
    surplus: list = field(default_factory=list)
    wrong: list = field(default_factory=list)  # (what, expected, logged, message)
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
        for title, those in ("missing", self.missing), ("surplus", self.surplus):
            lines += [f"  {title}: {_show(message)}" for message in those[:most]]
        lines += [f"  wrong {what}: {expected} on the wire, {logged} in the log: "
                  f"{_show(message)}" for what, expected, logged, message in self.wrong[:most]]
        return "\n".join(lines)


def _show(message):
    (asker, answerer), (protocol, asking_port, port, _, payload) = message
    return (f"{protocol} {asker}#{asking_port} asks {answerer}#{port}: "
            f"{dns.describe(payload)}")


def _ends(tap):
    return tap.query_address, tap.response_address


def _key(tap):
    return (tap.protocol, tap.query_port, tap.response_port, tap.is_response,
            tap.payload)


def _take(taps, ends):
    """The first of them with these addresses, or else the first."""
    fitting = [tap for tap in taps if _ends(tap) == ends]
    tap = (fitting or taps)[0]
    taps.remove(tap)
    return tap


def compare(expected, log):
    """expected: facts(); log: decoded taps, in the order in which they came."""
    verdict = Verdict(len(expected))
    logged = defaultdict(list)
    for tap in log:
        logged[_key(tap)].append(tap)
    pairs = {}
    for fact in expected:
        if logged[fact.key]:
            pairs[id(fact)] = fact, _take(logged[fact.key], fact.ends)
        else:
            verdict.missing.append((fact.ends, fact.key))
    for key, taps in logged.items():
        verdict.surplus += [(_ends(tap), key) for tap in taps]
    for fact, tap in pairs.values():
        _compare_one(verdict, fact, tap, pairs.get(id(fact.query)),
                     [pairs[id(one)][1].query_time for one in fact.resent
                      if id(one) in pairs])
    return verdict


def matches(fact):
    """Can this response be told to be its query's? One that repeats another
    question than a malformed query had cannot, nor one that dnsmasq 2.91 sends a second
    time over TCP, for a query of which it knows nothing."""
    question = dns.first_question(fact.key[-1])
    return fact.query and not fact.again and question in (
        None, dns.first_question(fact.query.key[-1]))


def _compare_one(verdict, fact, tap, query, resent):
    def demand(right, what, expected, logged):
        if not right:
            verdict.wrong.append((what, expected, logged, (fact.ends, fact.key)))

    def same(what, expected, logged):
        demand(expected == logged, what, expected, logged)

    same("type", fact.type, tap.type)
    # Where nothing tells to which of a host's addresses a response came, that is
    # known only by its query.
    if fact.query or fact.sent or not tap.is_response or tap.query_address:
        same("query_address", fact.ends[0], tap.query_address)
    same("response_address", fact.ends[1], tap.response_address)
    same("family", "INET6" if ":" in "".join(filter(None, fact.ends)) else "INET",
         tap.family)
    # Nothing tells which of several that were the same a response is for.
    if tap.is_response and (tap.query_time or matches(fact)) and \
            tap.query_time not in resent:
        same("query_time", query and query[1].query_time, tap.query_time)
    if query and query[1].time:
        demand(query[1].time <= fact.time + EARLY, "order", fact.time, query[1].time)
    if tap.time is None:
        return demand(False, "time", fact.time, None)
    delay = tap.time - fact.time
    verdict.delays.append(delay)
    early = LATE if fact.sent else EARLY
    demand(-early <= delay <= LATE, "time", fact.time, tap.time)


def disorder(expected, log):
    """What a verdict calls wrong: responses that are logged before their queries."""
    first = {}
    for place, tap in enumerate(log):
        first.setdefault((_key(tap), _ends(tap)), place)
    found = []
    for fact in filter(lambda fact: fact.query, expected):
        place = first.get((fact.key, fact.ends))
        before = first.get((fact.query.key, fact.query.ends))
        if None not in (place, before) and place < before:
            found.append(("place", f"behind {before}", place, (fact.ends, fact.key)))
    return found
