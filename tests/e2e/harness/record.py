# SPDX-License-Identifier: Apache-2.0
"""What one end of encrypted connections sent and got: the oracle's facts where the
wire tells none."""

import threading
import time

from . import dns
from .oracle import Fact, type_of


class Record:
    """asked: of a server that the one with the library asks; else of its clients.

    Its methods may be called from several threads.
    """

    def __init__(self, asked=False):
        self.facts, self.asked = [], asked
        self.unsolicited = 0  # what says that it is a response and answers nothing
        self.lock = threading.Lock()

    def query(self, protocol, asker, answerer, payload):
        """Call this before its last octet is sent, or after it has been received.
        asker, answerer: address and port. Returns what response() needs."""
        if len(payload) >= dns.HEADER.size and dns.is_response(payload):
            self.unsolicited += 1
            return None
        return self._add(protocol, asker, answerer, payload, None)

    def response(self, query, payload):
        """To a query; call this after it has been received, or before it is sent."""
        protocol, asker, answerer = query.key[0], *zip(query.ends, query.key[1:3])
        return self._add(protocol, asker, answerer, payload, query)

    def _add(self, protocol, asker, answerer, payload, query):
        if len(payload) < dns.HEADER.size:
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
