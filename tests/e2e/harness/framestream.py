# SPDX-License-Identifier: Apache-2.0
"""Frame Streams: cutting frames out of octets, and control frames."""

import struct

ACCEPT, START, STOP, READY, FINISH = 1, 2, 3, 4, 5
CONTENT_TYPE = b"protobuf:dnstap.Dnstap"


def control(kind, content_type=None):
    """A control frame, its escape and length included."""
    body = struct.pack("!I", kind)
    if content_type is not None:
        body += struct.pack("!II", 1, len(content_type)) + content_type
    return struct.pack("!II", 0, len(body)) + body


READY_FRAME = control(READY, CONTENT_TYPE)
START_FRAME = control(START, CONTENT_TYPE)
STOP_FRAME = control(STOP)


class Cutter:
    """Octets in, (control kind or None, frame) out."""

    def __init__(self):
        self.buffer = b""

    def feed(self, data):
        self.buffer += data
        at = 0
        while (frame := self._frame(at)) is not None:
            kind, body, at = frame
            yield kind, body
        self.buffer = self.buffer[at:]

    def _frame(self, at):
        if len(self.buffer) < at + 4:
            return None
        length, = struct.unpack_from("!I", self.buffer, at)
        escaped = length == 0
        if escaped:
            if len(self.buffer) < at + 8:
                return None
            length, = struct.unpack_from("!I", self.buffer, at + 4)
        start = at + (8 if escaped else 4)
        if len(self.buffer) < start + length:
            return None
        body = self.buffer[start:start + length]
        kind = struct.unpack_from("!I", body)[0] if escaped else None
        return kind, body, start + length


def read_file(path):
    """The data frames of a Frame Streams file: START, data, STOP."""
    cutter = Cutter()
    with open(path, "rb") as file:
        frames = list(cutter.feed(file.read()))
    kinds = [kind for kind, _ in frames]
    assert kinds and kinds[0] == START and kinds[-1] == STOP, f"{path}: {kinds[:1]}"
    assert cutter.buffer == b"" and kinds.count(None) == len(kinds) - 2
    return [body for kind, body in frames if kind is None]
