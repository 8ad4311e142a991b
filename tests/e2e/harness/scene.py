# SPDX-License-Identifier: Apache-2.0
"""A server with the library preloaded, on a recorded wire."""

from . import metrics, namespace, oracle, servers
from .wire import Recorder


class Scene:
    """Starts the server (and the one that it forwards to, if it does).

    protocols: what of the traffic is looked at. variant, native: see Running.
    """

    def __init__(self, name, tap, protocols=("UDP", "TCP"), variant=None, native="",
                 **settings):
        self.protocols, self.asks = protocols, []
        self.counts_all = "DNSTAP_PORTS" not in settings and "ports" not in tap
        if (variant or servers.SERVERS[name]).upstream:
            self.asks.append(namespace.UPSTREAM)
            servers.Running("nsd", address=namespace.UPSTREAM)
        self.wire = Recorder()
        metrics.forget()
        if not (variant or servers.SERVERS[name]).chroot:  # where it can write
            settings = {**metrics.SETTING, **settings}
        self.server = servers.Running(
            name, servers.tap_environment(tap, **settings), native=native,
            variant=variant)

    def lines(self):
        """What the library has logged, without what it says at the beginning."""
        return [line for line in self.server.process.output().splitlines()
                if line.startswith("dnstapshim[") and ": tapping port" not in line]

    def _matters(self, message):
        return (message.protocol in self.protocols
                and message.payload != self.server.server.ignore)

    def facts(self):
        """What the log ought to hold by now."""
        return oracle.facts(filter(self._matters, self.wire.messages()),
                            self.server.addresses, self.asks)

    def unsolicited(self):
        """How many responses came in by now that the server never asked for."""
        return sum(fact.unsolicited for fact in oracle.crossed(
            filter(self._matters, self.wire.messages()),
            self.server.addresses, self.asks))

    def settle(self):
        self.server.settle(self.wire)
        return len(self.facts())

    def stop(self, collector=None):
        """Settles and ends the server. One that SIGTERM kills on the spot gets
        no chance to flush, so the collector must have everything before."""
        count = self.settle()
        if collector and not self.server.server.lingers:
            collector.wait(count)
        seconds = self.server.stop()
        self._account()
        return seconds

    def _account(self):
        """Its metrics against the wire: also what was captured, not only what
        was logged. One that sends to itself sees a message twice."""
        server = self.server.server
        if self.counts_all and server.lingers and not server.ignore:
            metrics.check(len(oracle.crossed(self.wire.messages(),
                                             self.server.addresses, self.asks)))

    def compare(self, taps):
        """Holds the log against the wire."""
        return oracle.compare(self.facts(), list(filter(self._matters, taps)))

    def check(self, taps):
        """The same, which must agree; returns a row of figures."""
        return self.compare(taps).check()

    def check_from(self, before, taps):
        """Likewise, for a log that begins after the first `before` messages."""
        taps = list(filter(self._matters, taps))
        return oracle.compare(self.facts()[before:], taps).check()

    def check_end(self, taps):
        """Likewise, for a log that begins nobody knows when."""
        taps = list(filter(self._matters, taps))
        return oracle.compare(self.facts()[-len(taps):], taps).check()
