# SPDX-License-Identifier: Apache-2.0
"""Thousands of dnstap messages of every kind, the same ones for the same seed."""

import random
import struct

from . import dns, framestream

NAMES = ["example.org", "www.example.org", "a.b.c.d.example.net", "",
         "_sip._tcp.example.org", "MiXeD.CaSe.Example", "xn--bcher-kva.example",
         "under_score.example", "*.wild.example", "1.2.0.192.in-addr.arpa"]
QTYPES = [1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 43, 48, 50, 52, 64, 65, 99, 249,
          250, 251, 252, 255, 256, 257, 32769, 999]
CLASSES = [1] * 8 + [3, 4, 254, 1234]

RDATA = [(kind, bytes.fromhex(data)) for kind, data in (
    (1, "c0000201"),
    (28, "20010db8000000000000000000000001"),
    (2, "036e7331076578616d706c65036f726700"),
    (5, "03777777076578616d706c65036f726700"),
    (39, "056f74686572076578616d706c6500"),
    (12, "04686f7374076578616d706c65036f726700"),
    (15, "000a046d61696c076578616d706c65036f726700"),
    (6, "036e7331076578616d706c65036f7267000a686f73746d6173746572076578616d706c"
        "65036f72670078a3f17500001c2000000e100012750000000e10"),
    (16, "036f6e650c74776f202271756f746564220a73656d693b636f6c6f6e0a6261636b5c"
         "736c617368"),
    (16, "0701c8ff2062696e"),
    (99, "0b763d73706631202d616c6c"),
    (13, "025043054c696e7578"),
    (33, "0000000513c403736970076578616d706c65036f726700"),
    (35, "0064000a0175074532552b7369701b215e2e2a24217369703a696e666f406578616d70"
         "6c652e6f72672100"),
    (257, "000569737375656c657473656e63727970742e6f7267"),
    (43, "ec4505012bb183af5f22588179a53b0a98631fad1a292118"),
    (59, "0000000000"),
    (48, "0101030d99db2cc14cabdc33d6d77da63a2f15f71112584f234e8d1dc428e39e8a4a97"
         "e1aa271a555dc90701e17e2a4c4b6f120b7c32d44f4ac02bd894cf2d4be7778a19"),
    (60, "0000030000"),
    (46, "00010d0200000e1065badf00659200800172076578616d706c65036f726700a090755b"
         "a58d1affa576f4375831b4310920e481218d18a9f164eb3d81afd3b875d3c75428631e"),
    (47, "04686f7374076578616d706c6503636f6d000006400100000003041b00000000000000"
         "0000000000000000000000000000000000000020"),
    (50, "0101000c04aabbccdd14174eb2409fe28bcb4887a1836f957f0a8425e27b0007220100"
         "00000290"),
    (50, "010000000014174eb2409fe28bcb4887a1836f957f0a8425e27b000140"),
    (51, "0100000c04aabbccdd"),
    (52, "030101d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"),
    (44, "0101aa549bfe898489c02d1715d97d79c57ba2fa76ab"),
    (29, "000016138b3cf018810cbce0009895b8"),
    (17, "0561646d696e076578616d706c65036f72670003747874076578616d706c65036f7267"
         "00"),
    (18, "000103616673076578616d706c65036f726700"),
    (256, "000a00016674703a2f2f667470312e6578616d706c652e636f6d2f7075626c6963"),
    (65, "0001000001000602683202683300040004c0000201"),
    (64, "001003666f6f076578616d706c65036f72670000000002000100010003026832000300"
         "020035"),
    (61, "99008d033206"),
    (108, "00005e00532a"),
    (104, "000a00144fffff20ee64"),
    (62, "000000420003000460000008"),
    (49, "000201636fc0b8271c82825bb1ac5c41cf5351aa69b4febd94e8f17cdb95000da48c40"),
)]

OPTIONS = [(code, bytes.fromhex(data)) for code, data in (
    (10, "0102030405060708"), (10, "0102030405060708" * 3), (8, "00011800c00002"),
    (8, "0002380020010db8000000"), (3, ""), (3, "6e73312e6578616d706c65"),
    (12, "00" * 20), (11, ""), (11, "0064"), (15, "0012"),
    (15, "0003" + b"from the cache".hex()), (65001, "010203"), (5, "080d0f"),
    (6, "0102"), (7, "01"), (2, "00000e10"))]


def record(r):
    kind, data = r.choice(RDATA)
    ttl = r.choice([0, 60, 86400, 2**31 - 1])
    return (dns.name(r.choice(NAMES))
            + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data)


def opt(r):
    options = b"".join(struct.pack("!HH", code, len(data)) + data
                       for code, data in r.sample(OPTIONS, r.choice([0, 0, 1, 3])))
    return (b"\0" + struct.pack("!HHIH", 41, r.choice([512, 1232, 4096]),
                                r.choice([0, 0x8000]), len(options)) + options)


def message(r, response):
    flags = r.choice([0, 0x0100, 0x0120, 0x0110, 0x0040]) | r.choice([0] * 8 + [0x2000])
    if response:
        flags |= 0x8000 | r.choice([0, 0x0400, 0x0080, 0x0200]) | r.choice(
            [0, 0, 0, 1, 2, 3, 4, 5, 9])
    sections = [[record(r) for _ in range(r.choice([0, 0, 1, 3]) if response else 0)]
                for _ in range(3)]
    if r.random() < 0.6:
        sections[2].append(opt(r))
    question = (dns.name(r.choice(NAMES))
                + struct.pack("!HH", r.choice(QTYPES), r.choice(CLASSES)))
    return (dns.HEADER.pack(r.randrange(65536), flags, 1, *map(len, sections))
            + question + b"".join(b"".join(section) for section in sections))


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def octets(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def time(field, seconds, nanoseconds):
    return (number(field, seconds) + varint(field + 1 << 3 | 5)
            + struct.pack("<I", nanoseconds))


def payload(r, index):
    """One Dnstap message. STUB messages and protocols newer than golang-dnstap
    of Debian 12 are not among them."""
    kind = r.choice([1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14])
    inet6 = r.random() < 0.4
    size = 16 if inet6 else 4
    when = 1700000000 + index // 100, r.choice([0, 1000, 123456789, 999999999])
    inner = (number(1, kind) + number(2, 2 if inet6 else 1)
             + number(3, r.choice([1, 1, 2, 3, 4]))
             + octets(4, r.randbytes(size)) + octets(5, r.randbytes(size))
             + number(6, r.randrange(1024, 65536)) + number(7, 53)
             + time(8, *when))
    if r.random() < 0.3:
        inner += octets(11, dns.name(r.choice(NAMES)))
    if kind % 2 == 0:
        inner += time(12, *when)
    if r.random() < 0.9:
        inner += octets(14 if kind % 2 == 0 else 10, message(r, kind % 2 == 0))
    return (octets(1, b"host.example") + octets(2, b"server 1.0")
            + octets(14, inner) + number(15, 1))


def payloads(count, seed=1):
    r = random.Random(seed)
    return [payload(r, index) for index in range(count)]


def data(payloads):
    """Data frames."""
    return b"".join(struct.pack("!I", len(one)) + one for one in payloads)


def stream(payloads):
    """A Frame Streams file."""
    return framestream.START_FRAME + data(payloads) + framestream.STOP_FRAME
