# SPDX-License-Identifier: Apache-2.0
"""The metrics files: of one tap, or of all taps and processes added up."""

import collections
import glob
import re

from . import namespace

SETTING = {"DNSTAP_METRICS": f"{namespace.ROOM}/metrics.%p"}
SAMPLE = re.compile(r'^dnstapshim_(\w+)\{tap="(.*)",index="(\d+)"'
                    r'(?:,cause="(\w+)")?\} (\d+)$', re.M)


class Metrics:
    """count["captured_total"] and so on; dropped["queue_full"] and so on.

    tap: its place in the configuration, of which no other counts.
    """

    def __init__(self, tap=None):
        self.count, self.dropped = collections.Counter(), collections.Counter()
        for path in glob.glob(f"{namespace.ROOM}/metrics.*[0-9]"):
            with open(path) as file:
                text = file.read()
            for name, _, index, cause, value in SAMPLE.findall(text):
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
        """Likewise, and nothing is left to be sent."""
        self.add_up()
        assert self.count["queued"] == 0, self.count
