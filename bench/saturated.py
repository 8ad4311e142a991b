# SPDX-License-Identifier: Apache-2.0
"""Servers as busy as they can be, where nobody has pinned anything: server, tap,
load and collector share the processors as the scheduler likes.

What counts is the processor time of a server's processes over their whole life, from
their start until they are told to end, for each query answered. Each round has every variant of a
server, begun anew, one at a time; what one adds is taken from the bare one of its
round.

What a query costs the bare server depends on whether the scheduler has it share a
processor with the load. So that this can be told from what the library costs, both are
measured once more where that is fixed (`placed`).
"""

from statistics import mean, stdev

import servers

SERVERS = "knotd", "named", "unbound", "nsd"
VARIANTS = "bare", "native", "shim"
ROUNDS = 8
STUDENT = 2.365  # of 95 in 100, with so many rounds
SECONDS = 1.5
# Of the server with its tap, and of load and collector.
PLACES = {"one for all": ("0", "0"), "one each": ("0", "1")}
PLACED = "knotd", "nsd"


def life(build, room, zone, server, variant, cpus):
    """Microseconds a query: of the server's own threads, of the tap's; and queries
    a second."""
    one = servers.Variant(build, room, zone, server, variant, cpus=cpus)
    completed, rate = one.load(["-l", str(SECONDS)])
    own, tap = (ns / 1e3 / completed for ns in one.used())
    one.stop()
    return {"own": own, "tap": tap, "sum": own + tap, "qps": rate}


def interval(values):
    """Their mean, and where it lies with 95 in 100."""
    middle, around = mean(values), STUDENT * stdev(values) / len(values) ** 0.5
    return {"mean": middle, "low": middle - around, "high": middle + around}


def measure(build, room, zone, server, progress, variants=VARIANTS, cpus=(None, None)):
    """variant: {own, tap, sum, qps, added_own, added_sum}, as interval() has them."""
    samples = {variant: [] for variant in variants}
    for turn in range(ROUNDS):
        progress(f"saturated: {server}, round {turn + 1} of {ROUNDS}")
        # The first of a round finds the machine otherwise than the last.
        for step in range(len(variants)):
            variant = variants[(turn + step) % len(variants)]
            samples[variant].append(life(build, room, zone, server, variant, cpus))
    found = {}
    for variant, rounds in samples.items():
        found[variant] = {which: interval([one[which] for one in rounds])
                          for which in rounds[0]}
        for which in "own", "sum":
            found[variant][f"added_{which}"] = interval(
                [one[which] - bare[which]
                 for one, bare in zip(rounds, samples["bare"])])
    return found


def placed(*where, progress):
    """server: {place: as measure() has it}, of the bare one and the library."""
    return {server: {place: measure(*where, server, progress, ("bare", "shim"), cpus)
                     for place, cpus in PLACES.items()} for server in PLACED}


def report_rows(found, at_most):
    """For the table of targets."""
    for server, variants in found.items():
        a, b = (variants[v]["added_sum"]["mean"] for v in ("shim", "native"))
        yield at_most(f"{server}, saturated: added CPU per query", 0.3,
                      a / b if b > 0 else float("inf"), " × native",
                      f" ({a:.2f} of {b:.2f} µs)")


def cell(value):
    return f"{value['mean']:.2f} ± {value['high'] - value['mean']:.2f}"


def table(found):
    yield ("| server | variant | server's threads | tap's thread "
           "| added, server's | added, in sum | queries per second |")
    yield "|---|---|---|---|---|---|---|"
    for server, variants in found.items():
        for name, v in variants.items():
            more = ("", "") if name == "bare" else (
                cell(v["added_own"]), cell(v["added_sum"]))
            yield (f"| {server} | {name} | {cell(v['own'])} | {cell(v['tap'])} | "
                   f"{more[0]} | {more[1]} | {v['qps']['mean']:,.0f} |")


def placed_table(found):
    yield ("| server | processors | bare | tap's thread | added, server's "
           "| added, in sum |")
    yield "|---|---|---|---|---|---|"
    for server, places in found.items():
        for place, of in places.items():
            shim = of["shim"]
            yield (f"| {server} | {place} | {cell(of['bare']['own'])} "
                   f"| {cell(shim['tap'])} | {cell(shim['added_own'])} "
                   f"| {cell(shim['added_sum'])} |")
