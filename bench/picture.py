# SPDX-License-Identifier: Apache-2.0
"""bench/results.svg and bench/growth.svg."""

from html import escape

import report

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #656d76 }
.title { font-weight: 600; font-size: 15px }
.small { font-size: 12px }
.native, .floor { fill: #9198a1 } .own { fill: #bc4c00 }
.tap { fill: #fb8f44 } .single { fill: #0969da } .batch { fill: #54aeff }
.axis { stroke: #9198a1; stroke-width: 1 }
.spread { stroke: #1f2328; stroke-width: 1; fill: none }
@media (prefers-color-scheme: light) {
  text { fill: #1f2328 } .small { fill: #59636e } }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .small { fill: #b1bac4 }
  .native, .floor { fill: #7d8590 } .spread { stroke: #f0f6fc } }
"""


class Plot:
    """Panels of horizontal bars, from the top down."""

    LEFT, RIGHT, WIDTH = 96, 140, 760

    def __init__(self):
        self.parts, self.y, self.scale = [], 0, 1

    def add(self, text):
        self.parts.append(text)

    def text(self, x, y, text, kind="", anchor="start"):
        self.add(f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}" '
                 f'text-anchor="{anchor}">{text}</text>')

    def panel(self, title, longest, legend):
        self.y += 24
        self.scale = (self.WIDTH - self.LEFT - self.RIGHT) / longest
        self.text(0, self.y, title, "title")
        self.y += 22
        x = self.LEFT
        for kind, text in legend:
            self.add(f'<rect class="{kind}" x="{x}" y="{self.y - 10}" '
                     'width="12" height="12" rx="2"/>')
            self.text(x + 18, self.y, text, "small")
            x += 40 + 7 * len(text)
        self.y += 14

    def bar(self, parts, label, spread=None):
        """parts: (kind, value), one after the other; spread: lowest, highest."""
        x = self.LEFT
        for kind, value in parts:
            width = max(value, 0) * self.scale
            self.add(f'<rect class="{kind}" x="{x:.1f}" y="{self.y}" '
                     f'width="{width:.1f}" height="14"/>')
            x += width
        if spread:
            x = max(x, self.whisker(*spread))
        self.text(x + 7, self.y + 11.5, label, "small")
        self.y += 17

    def group(self, name, bars):
        top = self.y
        for bar in bars:
            self.bar(*bar)
        self.text(self.LEFT - 10, (top + self.y) / 2 + 3, name, anchor="end")
        self.add(f'<line class="axis" x1="{self.LEFT}" x2="{self.LEFT}" '
                 f'y1="{top - 3}" y2="{self.y}"/>')
        self.y += 9

    def whisker(self, low, high):
        """Over the bar, from no less than nothing; returns where it ends."""
        x1, x2 = (self.LEFT + max(value, 0) * self.scale for value in (low, high))
        self.add(f'<path class="spread" d="M{x1:.1f} {self.y + 4}v6m0-3'
                 f'H{x2:.1f}m0-3v6"/>')
        return x2

    def write(self, path):
        height = self.y + 6
        with open(path, "w") as file:
            file.write(
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.WIDTH}" '
                f'height="{height}" viewBox="0 0 {self.WIDTH} {height}" '
                f'role="img"><title>What dnstap costs</title><style>{STYLE}'
                "</style>\n" + "\n".join(self.parts) + "\n</svg>\n")


def spread_of(value):
    return value["low"], value["high"]


# Not of this run.
ELSEWHERE = {"median": 13, "low": 8, "high": 23}
ELSEWHERE_SAYS = ("CoreDNS 1.14.7's plugin: 13 µs (8 to 23), measured on the same kind of "
                  "machine, not in this run")


def draw_servers(plot, found):
    plot.panel(
        "CPU that dnstap adds to a query and its answer, µs: median (lowest to highest)",
        max(ELSEWHERE["high"], max(v["added_sum"]["high"]
                                   for s in found.values() for v in s.values())),
        [("native", "the server's own dnstap"),
         ("own", "dnstapshim, on the server's threads"),
         ("tap", "on the tap's thread")])
    for name, variants in found.items():
        native, shim = variants["native"], variants["shim"]
        own, tap = shim["added_own"]["median"], shim["tap"]["median"]
        plot.group(name, [
            ([("native", native["added_sum"]["median"])],
             report.with_spread(native["added_sum"]), spread_of(native["added_sum"])),
            ([("own", own), ("tap", tap)],
             report.with_spread(shim["added_sum"]), spread_of(shim["added_sum"]))])
    plot.group("CoreDNS", [([("native", ELSEWHERE["median"])], "",
                            spread_of(ELSEWHERE))])
    plot.text(plot.LEFT, plot.y + 4, ELSEWHERE_SAYS, "small")
    plot.y += 14


def draw_saturated(plot, found):
    plot.panel(
        "The same, saturated and not pinned: mean, and where it lies with 95 in 100",
        max(v["added_sum"]["high"] for s in found.values() for v in s.values()),
        [("native", "the server's own dnstap"), ("own", "dnstapshim, its threads"),
         ("tap", "the tap's")])
    for name, variants in found.items():
        native, shim = variants["native"], variants["shim"]
        plot.group(name, [
            ([("native", native["added_sum"]["mean"])],
             f"{native['added_sum']['mean']:.2f}", spread_of(native["added_sum"])),
            ([("own", shim["added_own"]["mean"]), ("tap", shim["tap"]["mean"])],
             f"{shim['added_sum']['mean']:.2f}", spread_of(shim["added_sum"]))])


def draw_instructions(plot, found):
    added = {name: {which: of[which]["own"] - of["bare"]["own"]
                    for which in ("native", "shim")} for name, of in found.items()}
    plot.panel("Instructions that it adds to a query and its answer, without the kernel's",
               max(max(both["native"], both["shim"] + found[name]["shim"]["tap"])
                   for name, both in added.items()),
               [("native", "the server's own dnstap"), ("own", "dnstapshim, its threads"),
                ("tap", "the tap's")])
    for name, both in added.items():
        tap = found[name]["shim"]["tap"]
        plot.group(name, [
            ([("native", both["native"])], f"{both['native']:,.0f}"),
            ([("own", both["shim"]), ("tap", tap)], f"{both['shim'] + tap:,.0f}")])


def draw_capture(plot, result):
    names = {"floor": "floor: clock, copy, one atomic",
             "single": "one message a call", "batch": "32 messages a call"}

    def value(kind, size, which=""):
        return result[f"steady.{kind}.{size}.threads1.taps1{which}"]

    plot.panel("Capturing one message on a server's thread, ns: median (of 80 in 100)",
               max(value(kind, s, ".high") for kind in names for s in report.SIZES),
               list(names.items()))
    for size in report.SIZES:
        plot.group(f"{size:,} octets", [
            ([(kind, value(kind, size))], f"{value(kind, size):.0f}",
             (value(kind, size, ".low"), value(kind, size, ".high")))
            for kind in names])


GROWTH = {"threads": "threads that send", "taps": "taps", "octets": "octets a message"}


def draw_growth(plot, found):
    rows = [row for row in found if row["kind"] in GROWTH]
    plot.panel("What a message costs as they grow, µs of CPU",
               max(row["server_us"] for row in rows),
               [("own", "the server's threads, with the kernel's part of the send"),
                ("tap", "each tap's thread")])
    for kind, what in GROWTH.items():
        plot.text(plot.LEFT, plot.y + 8, what, "small")
        plot.y += 14
        for row in (row for row in rows if row["kind"] == kind):
            plot.group(f"{row.get('size') or row[kind]:,}", [
                ([("own", row["server_us"])], f"{row['server_us']:.2f}"),
                ([("tap", row["tap_us"])], f"{row['tap_us']:.2f}")])


def draw_connections(plot, found):
    rows = [row for row in found if row["kind"] == "connections"]
    plot.panel("Memory with so many TCP connections, MB",
               max(row["memory_mb"] for row in rows),
               [("single", "queue, connections and fds")])
    for row in rows:
        plot.group(f"{row['connections']:,}", [
            ([("single", row["memory_mb"])], f"{row['memory_mb']:.1f}")])


def finish(plot, path, result):
    plot.y += 18
    plot.text(0, plot.y, f"make bench, {result['date']}; {escape(result['machine'])}",
              "small")
    plot.write(path)


def write_results(path, result):
    plot = Plot()
    draw_servers(plot, result["servers"])
    draw_saturated(plot, result["saturated"])
    draw_instructions(plot, result["instructions"])
    draw_capture(plot, result)
    finish(plot, path, result)


def write_growth(path, result):
    plot = Plot()
    draw_growth(plot, result["scale"])
    draw_connections(plot, result["scale"])
    finish(plot, path, result)
