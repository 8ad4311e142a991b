# SPDX-License-Identifier: Apache-2.0
"""The metrics files: of one tap, or of all taps and processes added up."""

import collections
import glob
import os
import re

from . import namespace

SETTING = {"DNSTAP_METRICS": f"{namespace.ROOM}/metrics.%p"}
SAMPLE = re.compile(r'^dnstapshim_(\w+)\{tap="(.*)",index="(\d+)"'
                    r'(?:,cause="(\w+)")?,program="(?:.*)",process="\d+"\} (\d+)$',
                    re.M)


class Metrics:
    """count["captured_total"] and so on; dropped["queue_full"] and so on.

    tap: its place in the configuration, of which no other counts.
    """

    def __init__(self, tap=None):
        self.count, self.dropped = collections.Counter(), collections.Counter()
        self.taps = set()
        for path in glob.glob(f"{namespace.ROOM}/metrics.*[0-9]"):
            with open(path) as file:
                text = file.read()
            for name, _, index, cause, value in SAMPLE.findall(text):
                self.taps.add(int(index))
                if tap not in (None, int(index)):
                    continue
                if cause:
                    self.dropped[cause] += int(value)
                else:
                    self.count[name] += int(value)

    def drops(self):
        """The causes that there were."""
        return {cause: count for cause, count in self.dropped.items() if count}

    def add_up(self):
        """What was captured is accounted for to the last message."""
        assert self.count["captured_total"] == (
            self.count["sent_total"] + self.count["skipped_total"]
            + self.count["queued"] + self.dropped.total()), (self.count, self.dropped)

    def check(self):
        """Likewise, and nothing is left to be sent, or nobody knows where."""
        self.add_up()
        assert self.count["queued"] == 0, self.count
        assert self.dropped["unaccounted"] == 0, (self.count, self.dropped)

    def crossed(self):
        """The messages of at least a header that it has seen. A stream that was
        given up counts once a call."""
        return (self.count["captured_total"] - self.dropped["malformed"]
                - self.dropped["stream"])


def forget():
    """What other servers of the same test have left."""
    for path in glob.glob(f"{namespace.ROOM}/metrics.*[0-9]"):
        os.unlink(path)


def check(messages):
    """At the end of all processes that write metrics, if there are any: each tap
    has counted every message that was on the wire."""
    for tap in Metrics().taps:
        metrics = Metrics(tap)
        metrics.check()
        assert metrics.crossed() == messages, (messages, metrics.count, metrics.dropped)
