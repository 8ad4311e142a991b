# SPDX-License-Identifier: Apache-2.0
"""What one end of encrypted connections sent and got: the oracle's facts where the
wire tells none."""

import threading
import time
from collections import Counter

from . import dns
from .oracle import Fact, type_of


class Record:
    """asked: of a server that the one with the library asks; else of its clients.

    Its methods may be called from several threads.
    """

    def __init__(self, asked=False):
        self.facts, self.asked = [], asked
        self.doubtful = {}  # connection → what its client has sent
        self.lock = threading.Lock()

    def query(self, protocol, asker, answerer, payload):
        """Call this before its last octet is sent, or after it has been received.
        asker, answerer: address and port. Returns what response() needs."""
        return self._add(protocol, asker, answerer, payload, None)

    def response(self, query, payload):
        """To a query; call this after it has been received, or before it is sent."""
        protocol, asker, answerer = query.key[0], *zip(query.ends, query.key[1:3])
        return self._add(protocol, asker, answerer, payload, query)

    def _add(self, protocol, asker, answerer, payload, query):
        if len(payload) < 12:
            return None
        response = query is not None
        fact = Fact(
            time.time_ns(),
            type_of(self.asked, query.key[-1] if query else payload, response),
            response != self.asked, query, (asker[0], answerer[0]),
            (protocol, asker[1], answerer[1], response, payload))
        with self.lock:
            self.facts.append(fact)
        return fact

    def doubt(self, protocol, asker, answerer):
        """Nobody can tell how much of this connection the other end has read: it is
        not compared, but for what it cannot contain."""
        key = protocol, asker, answerer
        with self.lock:
            ours = [fact for fact in self.facts if connection(fact) == key]
            self.facts = [fact for fact in self.facts if connection(fact) != key]
            self.doubtful[key] = Counter(
                fact.key[-1] for fact in ours if not fact.key[3])

    def vouched(self, taps):
        """Those of connections that are not doubtful. Of a doubtful one there are no
        queries but its client's."""
        left = []
        for tap in taps:
            key = (tap.protocol, (tap.query_address, tap.query_port),
                   (tap.response_address, tap.response_port))
            sent = self.doubtful.get(key)
            if sent is None:
                left.append(tap)
            elif not tap.is_response:
                sent[tap.payload] -= 1
                assert sent[tap.payload] >= 0, dns.describe(tap.payload)
        return left


def connection(fact):
    return fact.key[0], *zip(fact.ends, fact.key[1:3])
