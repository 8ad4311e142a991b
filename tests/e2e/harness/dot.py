# SPDX-License-Identifier: Apache-2.0
"""Clients of DNS over TLS (RFC 7858) that record what they send and get."""

import random

from . import dns, encrypted, load, tls


def parts(queries, draw):
    """Cut anywhere, also within the two octets of a length."""
    octets, pieces = load.framed(queries), []
    while octets:
        size = draw.choice((1, 2, 3, draw.randint(1, 60), draw.randint(1, 400)))
        pieces.append(octets[:size])
        octets = octets[size:]
    return pieces


def within(queries, draw):
    """Likewise, but no two messages share a piece."""
    return [piece for query in queries for piece in parts([query], draw)]


# How the octets of some queries are cut into records.
RECORDS = {**{name: lambda queries, _, cut=cut: cut(queries)
              for name, cut in load.PIECES.items()},
           "anywhere": parts, "within": within}
APART = ("one by one", "length apart", "octets", "within")

class Asker(tls.Player):
    """Asks these queries, at most `window` at a time, all of which are answered."""

    def __init__(self, stream, record, queries, window=10, records="anywhere", **how):
        super().__init__(stream, **how)
        self.record, self.queries, self.window = record, list(queries), window
        self.cut, self.random = RECORDS[records], random.Random(stream.asker[1])
        self.pieces, self.unwritten, self.written, self.buffer = [], [], 0, b""
        self.asked = {}  # id → the query's fact

    def next(self):
        if not self.pieces and len(self.asked) <= self.window // 2:
            room = self.window - len(self.asked)
            batch, self.queries = self.queries[:room], self.queries[room:]
            self.pieces = self.cut(batch, self.random) if batch else []
            self.unwritten = [query.message for query in batch]
        if self.pieces:
            self._write(self.pieces.pop(0))

    def _write(self, piece):
        self.written += len(piece)
        while self.unwritten and self.written >= 2 + len(self.unwritten[0]):
            message = self.unwritten.pop(0)
            self.written -= 2 + len(message)
            self.asked[dns.ident(message)] = self.record.query(
                "DOT", self.stream.asker, self.stream.answerer, message)
        self.stream.write(piece)

    def heard(self, octets):
        messages, self.buffer = dns.framed(self.buffer + octets)
        for message in messages:
            self._answer(message)

    def _answer(self, message):
        query = self.asked.pop(dns.ident(message))
        self.record.response(query, message)

    def done(self):
        return not (self.queries or self.pieces or self.unwritten or self.asked)

    def __repr__(self):
        return (f"{len(self.queries)} to ask, {len(self.unwritten)} on their way, "
                f"{len(self.asked)} not answered")


def ask(scene, count, mix, connections, address=None, port=encrypted.DOT, **context):
    """`count` sure queries over so many connections to the scene's server, which are
    cut and end in every way."""
    made = tls.context(scene.authority, **context)
    ends = tls.ORDERLY if scene.name in encrypted.NEEDS_AN_END else list(tls.ENDS)
    records = APART if scene.name in encrypted.ONE_A_RECORD else list(RECORDS)
    addresses = [address] if address else scene.server.addresses
    players = []
    for number in range(connections):
        queries = [mix.next() for _ in range(count // connections)]
        stream = tls.Stream(addresses[number % len(addresses)], port, made)
        players.append(Asker(
            stream, scene.record, queries, end=ends[number % len(ends)],
            records=records[number % len(records)],
            segment=list(tls.SEGMENTS.values())[number // 2 % len(tls.SEGMENTS)]))
    tls.play(players, mix.count)
