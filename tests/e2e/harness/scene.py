# SPDX-License-Identifier: Apache-2.0
"""A server with the library preloaded, on a recorded wire."""

from . import namespace, oracle, servers
from .wire import Recorder


class Scene:
    """Starts the server (and the one that it forwards to, if it does)."""

    def __init__(self, name, tap, **settings):
        self.asks = []
        if servers.SERVERS[name].upstream:
            self.asks.append(namespace.UPSTREAM)
            servers.Running("nsd", address=namespace.UPSTREAM)
        self.wire = Recorder()
        self.server = servers.Running(
            name, servers.tap_environment(tap, **settings))

    def facts(self):
        """What the log ought to hold by now."""
        return oracle.facts(self.wire.messages(), self.server.addresses, self.asks)

    def settle(self):
        self.server.settle(self.wire)
        return len(self.facts())

    def stop(self, collector=None):
        """Settles and ends the server. One that SIGTERM kills on the spot gets
        no chance to flush, so the collector must have everything before."""
        count = self.settle()
        if collector and not self.server.server.lingers:
            collector.wait(count)
        return self.server.stop()

    def check(self, taps):
        return oracle.compare(self.facts(), taps).check()
