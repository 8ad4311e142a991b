# SPDX-License-Identifier: Apache-2.0
"""TCP read and written in pieces by every call, drawn from a seed, and connections that
get other numbers and other processes meanwhile (host/roam.c). ROAM_SEEDS=9-9: others."""

import os

from harness import host, metrics, oracle
from harness.each import each

FIRST, LAST = map(int, os.environ.get("ROAM_SEEDS", "1-2").split("-"))
QUERIES, BATCH = 200, 20

# What goes on in the process, with what it has by another number, and in a child that has
# all that its parent knew, but not what it has queued: responses lack their queries.
WAYS = {"stay": "-", "dup": "d", "dup2": "r", "dupfd": "n", "rights": "s", "fork": "f",
        "all": "drnsf"}


def play(seed, way):
    metrics.forget()
    running = host.Host(host.build("roam"), f"{QUERIES // BATCH},{seed},{WAYS[way]}",
                        **metrics.SETTING)
    running.tcp(QUERIES, BATCH)
    running.end()
    verdict = oracle.compare(running.facts(), running.collector.taps(orderly=False))
    assert verdict.facts == 2 * QUERIES and not verdict.surplus, verdict.text()
    counted = metrics.Metrics()
    counted.check()
    return verdict, counted.dropped


@each(WAYS)
def test_truth(way):
    """Nothing is logged that did not cross; what may lie within a message is given up,
    and counted."""
    missing = 0
    for seed in range(FIRST, LAST + 1):
        verdict, dropped = play(seed, way)
        if way == "stay":
            verdict.check()
        missing += len(verdict.missing)
        assert dropped["stream"] >= len(verdict.missing), (dropped, verdict.text())
    assert bool(missing) == (way not in ("stay", "fork")), missing
    return f"{missing} missing"
