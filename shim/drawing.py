#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""drawing.py FILE: rooms and arrows of the library as an SVG; `make drawing`.

The same as the drawing in ARCHITECTURE.md, for the README.
"""

import sys

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #57606a; text-anchor: middle }
.name { font-weight: 600; font-size: 14px } .small { font-size: 12px }
.room { fill: none; stroke: #8c959f; stroke-width: 1.2 }
.zone { fill: none; stroke: #8c959f; stroke-dasharray: 4 4 }
.ours { stroke: #0969da; stroke-width: 1.6 }
.arrow { stroke: #8c959f; stroke-width: 1.6; fill: none; marker-end: url(#head) }
.head { fill: #8c959f }
@media (prefers-color-scheme: light) { text { fill: #1f2328 } .small { fill: #59636e } }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .small { fill: #b1bac4 }
  .ours { stroke: #4493f8 } }
"""
WIDTH, HEIGHT = 760, 390

# (left, top, width, height, class, lines); the first line is the name.
BOXES = [
    (20, 8, 260, 44, "room", "your DNS server|unmodified"),
    (8, 84, 284, 236, "zone", ""),
    (20, 100, 260, 68, "room ours",
     "hook/|libc's names: makes the real call|and looks at what it carried"),
    (20, 216, 260, 68, "room ours",
     "capture/|is the socket DNS? whole messages,|cut out of TCP; a copy of each"),
    (318, 100, 124, 68, "room ours", "api/|what the server|gives by itself"),
    (330, 216, 100, 68, "room ours", "queue/|one for each|tap; bounded"),
    (468, 8, 284, 44, "room", "collectors|or files"),
    (468, 84, 284, 236, "zone", ""),
    (480, 100, 124, 44, "room ours", "tap/stream/|Frame Streams"),
    (616, 100, 124, 44, "room ours", "tap/transport/|unix tcp tls file"),
    (480, 158, 260, 44, "room ours", "proto/|dnstap's protobuf message"),
    (480, 216, 260, 68, "room ours",
     "tap/annotate/|its type, its query and when|that came, the extra text"),
    (8, 338, 744, 44, "room ours",
     "the runtime|config/ tells it which taps there are; it begins at the first "
     "message, goes through forks, ends with the server"),
]
# What is said beside them: (x, y, class, text)
NOTES = [
    (150, 307, "small", "on the server's threads: no lock, no waiting"),
    (610, 307, "small", "on each tap's own thread, with fds of its own"),
]
# Points of each line.
ARROWS = [
    [(150, 52), (150, 98)],
    [(150, 168), (150, 214)],
    [(280, 30), (380, 30), (380, 98)],
    [(340, 168), (340, 192), (220, 192), (220, 214)],
    [(280, 250), (328, 250)],
    [(430, 250), (478, 250)],
    [(610, 216), (610, 204)],
    [(542, 158), (542, 146)],
    [(604, 122), (614, 122)],
    [(678, 100), (678, 54)],
]


def box(left, top, width, height, kind, text):
    yield (f'<rect class="{kind}" x="{left}" y="{top}" width="{width}" '
           f'height="{height}" rx="6"/>')
    lines = [line for line in text.split("|") if line]
    first = top + height / 2 - 8 * (len(lines) - 1) + 4.5
    for number, line in enumerate(lines):
        yield (f'<text class="{"small" if number else "name"}" '
               f'x="{left + width / 2:g}" y="{first + 16 * number:g}">{line}</text>')


def main():
    parts = [part for one in BOXES for part in box(*one)]
    parts += [f'<text class="{kind}" x="{x}" y="{y}">{text}</text>'
              for x, y, kind, text in NOTES]
    parts += [f'<path class="arrow" d="M{" L".join(f"{x} {y}" for x, y in points)}"/>'
              for points in ARROWS]
    with open(sys.argv[1], "w") as file:
        file.write(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
            "<title>How a message gets from the server to a collector</title>"
            f"<style>{STYLE}</style>\n"
            '<marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6" '
            'markerHeight="6" orient="auto"><path class="head" d="M0 0 8 4 0 8z"/>'
            "</marker>\n" + "\n".join(parts) + "\n</svg>\n")


if __name__ == "__main__":
    main()
