# SPDX-License-Identifier: Apache-2.0
"""The metrics of all processes of a server, added up."""

import collections
import glob
import re

from . import namespace

SETTING = {"DNSTAP_METRICS": f"{namespace.ROOM}/metrics.%p"}


class Metrics:
    """count["captured_total"] and so on; dropped["queue_full"] and so on."""

    def __init__(self):
        self.count, self.dropped = collections.Counter(), collections.Counter()
        for path in glob.glob(f"{namespace.ROOM}/metrics.*"):
            with open(path) as file:
                text = file.read()
            for name, labels, value in re.findall(
                    r"^dnstapshim_(\w+)\{(.*)\} (\d+)$", text, re.M):
                cause = re.search(r'cause="(\w+)"', labels)
                if cause:
                    self.dropped[cause[1]] += int(value)
                else:
                    self.count[name] += int(value)

    def drops(self):
        """The causes that there were."""
        return {cause: count for cause, count in self.dropped.items() if count}

    def check(self):
        """What was captured is accounted for to the last message."""
        assert self.count["captured_total"] == (
            self.count["sent_total"] + self.count["skipped_total"]
            + self.dropped.total()), (self.count, self.dropped)
        assert self.count["queued"] == 0, self.count
