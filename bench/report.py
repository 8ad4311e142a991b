# SPDX-License-Identifier: Apache-2.0
"""The table of targets and results."""

import re
from dataclasses import dataclass

import callgrind
import saturated
import scale

SIZES = 64, 256, 512, 1232


@dataclass
class Row:
    what: str
    target: str
    measured: str
    ratio: float  # measured / allowed: above 1 falls short

    @property
    def verdict(self):
        if self.ratio <= 1:
            return "holds"
        if self.ratio == float("inf"):
            return "falls short"
        percent = 100 * (self.ratio - 1)
        return f"short by {percent:.0f} %" if percent >= 1 else "short by less than 1 %"


def at_most(what, limit, value, unit="", note="", form=".2f"):
    ratio = value / limit if limit else float("inf") if value > 0 else 1
    return Row(what, f"≤ {limit}{unit}", f"{value:{form}}{unit}{note}", ratio)


def at_least(what, limit, value, unit="", note=""):
    return Row(what, f"≥ {limit}{unit}", f"{value:.2f}{unit}{note}",
               limit / value)


def capture_rows(r):
    single = {s: r[f"steady.single.{s}.threads1.taps1"] for s in SIZES}
    batch = {s: r[f"steady.batch.{s}.threads1.taps1"] for s in SIZES}
    floor = {s: r[f"steady.floor.{s}.threads1.taps1"] for s in SIZES}
    limit = {**dict.fromkeys(SIZES, 1.5), 1232: 1.2}
    for size in SIZES:
        yield at_most(f"capture, one thread, {size} octets", limit[size],
                      single[size] / floor[size], " × floor",
                      f" ({single[size]:.0f} of {floor[size]:.0f} ns)")
    limit = {**dict.fromkeys(SIZES, 1.0), 1232: 1.2}
    for size in SIZES:
        yield at_most(f"capture, batch of 32, {size} octets", limit[size],
                      batch[size] / floor[size], " × floor",
                      f" ({batch[size]:.0f} of {floor[size]:.0f} ns)")
    for name, limit, way in (("sends, one thread", 1.5, "send"),
                             ("sends, batch of 32", 1.0, "send_batch")):
        for size in SIZES:
            cost = r[f"steady.{way}.{size}.threads1.taps1"]
            yield at_most(f"{name}, {size} octets", limit, cost / floor[size],
                          " × floor", f" ({cost:.0f} of {floor[size]:.0f} ns)")
    for size in SIZES:
        two = r[f"steady.single.{size}.threads1.taps2"]
        yield at_most(f"two taps, {size} octets", 1.3, two / single[size],
                      " × one", f" ({two:.0f} of {single[size]:.0f} ns)")
    for size in SIZES:
        two = r[f"steady.single.{size}.threads2.taps1"]
        yield at_least(f"two threads on two cores, {size} octets", 1.6,
                       single[size] / two, " × one",
                       f" ({1e3 / two:.1f} million/s)")


def pass_through_rows(r):
    for call in "recvfrom", "read":
        yield at_most(f"pass-through, {call} on another fd", 5,
                      r[f"pass_through.{call}.added"], " ns", " added")
    yield at_most("pass-through, SSL_read without DNS", 5,
                  r["tls.added"], " ns", " added")


def server_rows(r):
    limits = {"knotd": 0.4, "named": 0.7, "unbound": 0.7, "named-tls": 0.7,
              "unbound-tls": 0.7}
    for name, limit in limits.items():
        shim, native = (r["servers"][name][v] for v in ("shim", "native"))
        a, b = (v["added_sum"]["median"] for v in (shim, native))
        yield at_most(f"{name}: added CPU per query", limit, a / b, " × native",
                      f" ({a:.2f} of {b:.2f} µs)")
    shim, native = (r["servers"]["knotd"][v] for v in ("shim", "native"))
    a, b = (v["added_own"]["median"] for v in (shim, native))
    yield at_most("knotd: added on its own threads", 0.15, a / b, " × native",
                  f" ({a:.2f} of {b:.2f} µs)")
    for name in "knotd", "named", "unbound", "nsd":
        yield at_most(f"{name}: the tap's thread, a query and its answer", 0.5,
                      r["servers"][name]["shim"]["tap"]["median"], " µs")


def saturated_rows(r):
    return saturated.report_rows(r["saturated"], at_most)


def scale_rows(r):
    return scale.report_rows(r["scale"], at_most, at_least)


def recorder_rows(r):
    for name, variants in r["servers"].items():
        a, b = (variants[v]["own"]["median"] for v in ("recorder", "shim"))
        yield at_most(f"{name}: its threads, with a flight recorder", 1.05, a / b,
                      " × without", f" ({a:.2f} of {b:.2f} µs a query)")


def tap_rows(r):
    rate = r["tap.thread"]
    for what, limit, other in (("packing alone", 0.7, r["tap.pack_alone"]),
                               ("libfstrm's path", 1.5, r["tap.libfstrm"])):
        yield at_least(f"tap's thread beside {what}", limit, rate / other, " ×",
                       f" ({rate / 1e6:.1f} of {other / 1e6:.1f} million/s)")


def other_rows(r):
    yield at_most("latency at 1,000/s, median", 0.3,
                  r["latency.1000.p50"] / 1e3, " ms")
    yield at_most("latency at 1,000/s, 99 in 100", 3,
                  r["latency.1000.p99"] / 1e3, " ms")
    yield at_most("latency at 1,000/s, 999 in 1,000", 5,
                  r["latency.1000.p999"] / 1e3, " ms")
    yield at_most("idle, wake-ups in 10 s", 0, r["idle.wakeups"], form="g")
    yield at_most("burst of 10,000 × 1,232 octets, collector stalled: lost", 0,
                  r["burst.lost"], form="g")
    yield at_most("memory before the first message", 1,
                  r["memory.before"] / 1024, " MB")
    yield at_most("memory with a full queue", 20, r["memory.full"] / 1024, " MB")


def rows(result):
    return [row for part in (capture_rows, pass_through_rows, server_rows,
                             saturated_rows, recorder_rows, tap_rows, scale_rows,
                             other_rows) for row in part(result)]


def print_table(table):
    wide = [max(len(getattr(row, column)) for row in table)
            for column in ("what", "target", "measured")]
    for row in table:
        print(f"{row.what:{wide[0]}}  {row.target:{wide[1]}}  "
              f"{row.measured:{wide[2]}}  {row.verdict}")


# bench/README.md

def with_spread(value):
    return f"{value['median']:.2f} ({value['low']:.2f} to {value['high']:.2f})"


def server_table(result):
    yield ("| server | variant | server's threads | tap's thread | added, in sum "
           "| queries per second |")
    yield "|---|---|---|---|---|---|"
    for server, variants in result["servers"].items():
        for name, v in variants.items():
            yield (f"| {server} | {name} | {with_spread(v['own'])} | "
                   f"{v['tap']['median']:.2f} | "
                   f"{'' if name == 'bare' else with_spread(v['added_sum'])} | "
                   f"{v['qps']['median']:,.0f} |")


def capture_table(r):
    yield ("| octets | threads | consumer | floor | single | batch "
           "| single, 2 taps | batch, 2 taps | sent | sent, batch |")
    yield "|---|---|---|---|---|---|---|---|---|---|"
    columns = ("floor.1", "single.1", "batch.1", "single.2", "batch.2",
               "send.1", "send_batch.1")
    for size in SIZES:
        for threads in 1, 2, 4:
            for state in "steady", "behind":
                kinds = (column.split(".") for column in columns)
                keys = (f"{state}.{kind}.{size}.threads{threads}.taps{taps}"
                        for kind, taps in kinds)
                yield f"| {size:,} | {threads} | {state} | " + " | ".join(
                    f"{r[key]:.0f}" if key in r else "" for key in keys) + " |"


def results_text(result, table):
    full = "latency.full."
    return "\n".join([
        f"`{result['command']}` on {result['date']}; {result['machine']}.", "",
        "| what | target | measured | |", "|---|---|---|---|",
        *(f"| {row.what} | {row.target} | {row.measured} | {row.verdict} |"
          for row in table), "",
        "CPU per query in µs, median (lowest to highest):", "",
        *server_table(result), "",
        "Saturated and not pinned, CPU per query in µs, mean ± what it may be off by "
        "(95 in 100):", "",
        *saturated.table(result["saturated"]), "",
        "The same where server and tap have one processor, and load and collector share "
        "it (one for all) or have the other (one each):", "",
        *saturated.placed_table(result["placed"]), "",
        "Under callgrind, instructions a query, without the kernel's:", "",
        *callgrind.table(result["instructions"]), "",
        "What grows (`bench/scale.py` has what is usual; the server's threads with the "
        "kernel's part of their sends):", "",
        *scale.table(result["scale"]), "",
        "Capture, ns a message, wall time over all threads:", "",
        *capture_table(result), "",
        f"Latency at {result[full + 'rate']:,.0f} messages a second, as many as "
        f"one thread can send: median {result[full + 'p50'] / 1e3:.2f} ms, 99 in "
        f"100 {result[full + 'p99'] / 1e3:.2f} ms, "
        f"{result[full + 'lost']:,.0f} dropped.",
        f"Memory after the first message: {result['memory.first'] / 1024:.2f} MB."])


def write_readme(path, result, table):
    with open(path) as file:
        text = file.read()
    text = re.sub(r"(<!-- results -->\n).*(<!-- end -->)",
                  lambda m: f"{m[1]}{results_text(result, table)}\n{m[2]}", text,
                  flags=re.S)
    with open(path, "w") as file:
        file.write(text)
