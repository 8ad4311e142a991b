# SPDX-License-Identifier: Apache-2.0
"""DNS over HTTP/2 in all that clients may make of its frames (RFC 9113): blocks of
fields in pieces, padded, with priorities and behind bodies; tables of fields that
change; frames that nobody knows."""

import struct

from harness import doh, encrypted
from harness.collector import Collector
from harness.each import each
from harness.encrypted import DOH, EncryptedScene

QUERIES, CONNECTIONS = 200, 12
HEADERS, PRIORITY, CONTINUATION, UNKNOWN = 1, 2, 9, 0xfa
END_STREAM, END_HEADERS, PADDED, PRIORITIES = 0x01, 0x04, 0x08, 0x20
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MOST = 4  # pieces of a block; servers hang up on many
# Octets of padding, at most: who has more of it is not answered, bare as well.
PADDING = {"named": 1}


def frame(kind, flags, stream, content):
    return (len(content).to_bytes(3, "big") + bytes([kind, flags])
            + stream.to_bytes(4, "big") + content)


def frames(octets):
    """(type, flags, stream, content) of each."""
    while octets:
        size = int.from_bytes(octets[:3], "big")
        yield (octets[3], octets[4], int.from_bytes(octets[5:9], "big"),
               octets[9:9 + size])
        octets = octets[9 + size:]


class Framer(doh.Http2):
    """Also as no library would send it."""

    def __init__(self, *arguments, padding, **how):
        """padding: octets at most."""
        super().__init__(*arguments, **how)
        self.padding = None, 0, 1, padding

    def step(self):
        super().step()
        said = PREFACE if self.octets.startswith(PREFACE) else b""
        self.octets = said + b"".join(
            self._block(flags, stream, content) if kind == HEADERS else
            frame(kind, flags, stream, content)
            for kind, flags, stream, content in frames(self.octets[len(said):]))

    def _priority(self):
        return struct.pack("!IB", self.random.choice((0, 1 << 31)),
                           self.random.randrange(256))

    def _block(self, flags, stream, content):
        first, *others = doh.cut(content, self.random, MOST)
        flags &= END_STREAM
        if self.random.random() < 0.5:
            flags, first = flags | PRIORITIES, self._priority() + first
        if (padding := self.random.choice(self.padding)) is not None:
            flags |= PADDED
            first = bytes([padding]) + first + bytes(padding)
        block = [(HEADERS, flags, first), *((CONTINUATION, 0, one) for one in others)]
        block[-1] = (block[-1][0], block[-1][1] | END_HEADERS, block[-1][2])
        return self._between(stream) + b"".join(
            frame(kind, flags, stream, one) for kind, flags, one in block)

    def _between(self, stream):
        draw = self.random.random()
        if draw < 0.3:
            return frame(PRIORITY, 0, stream, self._priority())
        return frame(UNKNOWN, 0xff, 0, bytes(20)) if draw < 0.5 else b""

    def _begin(self, message):
        if self.random.random() < 0.3:
            self.http.encoder.header_table_size = self.random.choice((0, 100, 1000))
        super()._begin(message)

    def _continue(self, number):
        if len(self.bodies[number]) > 1 or self.random.random() < 0.5:
            return super()._continue(number)
        piece, = self.bodies.pop(number)
        self.asked[number] = self.query(self.whole.pop(number))
        self.http.send_data(number, piece)
        self.http.send_headers(number, [("x-trailer", "x" * 50)], end_stream=True)
        return None


@each(encrypted.SERVING_DOH)
def test_frames(name):
    collector = Collector()
    here = EncryptedScene(name, f"dnstap {collector.endpoint} full", ports=(DOH,))
    doh.ask(here, QUERIES, name, CONNECTIONS, Framer,
            plain=name in encrypted.PLAIN_BODIES,
            padding=PADDING.get(name, 200))
    here.stop(collector)
    return here.check(collector.taps(orderly=here.server.server.lingers))
