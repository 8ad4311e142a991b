# SPDX-License-Identifier: Apache-2.0
"""DNS messages, as far as a load and an oracle need them (RFC 1035 4.1)."""

import struct

HEADER = struct.Struct("!6H")
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16,
         "AAAA": 28, "SRV": 33, "DS": 43, "DNSKEY": 48, "IXFR": 251,
         "AXFR": 252, "ANY": 255}
QUERY, STATUS, NOTIFY, UPDATE = 0, 2, 4, 5
QR, AA, TC, RD = 0x8000, 0x0400, 0x0200, 0x0100


def name(text):
    """Wire format, without compression."""
    labels = [label.encode() for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(text, qtype="A", qclass=1):
    return name(text) + struct.pack("!HH", TYPES[qtype], qclass)


def edns(size, do=False):
    return b"\0" + struct.pack("!HHIH", 41, size, 0x8000 if do else 0, 0)


def query(ident, text, qtype="A", rd=False, opcode=QUERY, size=0, do=False):
    """size: that of the EDNS record; 0 for none."""
    flags = opcode << 11 | (RD if rd else 0)
    return (HEADER.pack(ident, flags, 1, 0, 0, 1 if size else 0)
            + question(text, qtype) + (edns(size, do) if size else b""))


def framed(octets):
    """Whole messages of a stream (RFC 1035 4.2.2), and the octets behind them."""
    messages, at = [], 0
    while len(octets) - at >= 2:
        end = at + 2 + int.from_bytes(octets[at:at + 2], "big")
        if len(octets) < end:
            break
        messages.append(octets[at + 2:end])
        at = end
    return messages, octets[at:]


def ident(message):
    return int.from_bytes(message[:2], "big")


def flags(message):
    return int.from_bytes(message[2:4], "big")


def opcode(message):
    return flags(message) >> 11 & 15


def first_question(message):
    """The octets of the first question in lower case; None if it is malformed."""
    at = 12
    while at < len(message) and 0 < message[at] < 64:
        at += 1 + message[at]
    end = at + 5
    if message[4:6] == b"\0\0" or end > len(message) or message[at] != 0:
        return None
    return message[12:end].lower()


def is_response(message):
    return bool(flags(message) & QR)


def describe(message):
    """One line for whoever reads the differences."""
    if len(message) < 12:
        return f"{len(message)} octets: {message.hex()}"
    words = HEADER.unpack_from(message)
    kind = "response" if words[1] & QR else "query"
    return (f"{kind} id {words[0]} flags {words[1]:04x} counts {words[2:]} "
            f"{len(message)} octets {message[12:44].hex()}")


def qtype(message):
    """Of the first question; None if it is malformed."""
    question = first_question(message)
    return question and int.from_bytes(question[-4:-2], "big")


def padded(message, size):
    """With an EDNS padding option of so many octets (RFC 7830); the message ends in an
    EDNS record without options."""
    option = struct.pack("!HH", 12, size) + bytes(size)
    return message[:-2] + struct.pack("!H", len(option)) + option
