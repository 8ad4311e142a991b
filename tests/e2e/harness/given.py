# SPDX-License-Identifier: Apache-2.0
"""Messages that a Python program gives by ctypes, and what is to be in the log of them.

The structs are those of dnstapshim.h, written down a second time.
"""

import ctypes
import random
import signal
import struct
import sys

from . import dnstap

U16, U32, SIZE = ctypes.c_uint16, ctypes.c_uint32, ctypes.c_size_t
OCTETS, POINTER = ctypes.c_char_p, ctypes.POINTER
POLICY = {1: ("type", dnstap.BYTES), 2: ("rule", dnstap.BYTES),
          3: ("action", dnstap.VARINT), 4: ("match", dnstap.VARINT),
          5: ("value", dnstap.BYTES)}
MESSAGE = {**dnstap.MESSAGE, 15: ("policy", dnstap.BYTES)}


class Time(ctypes.Structure):
    _fields_ = [("sec", ctypes.c_int64), ("nsec", ctypes.c_long)]


class Policy(ctypes.Structure):
    _fields_ = [("size", SIZE), ("type", OCTETS), ("match", U32), ("action", U32),
                ("rule", OCTETS), ("value", OCTETS), ("rule_size", SIZE),
                ("value_size", SIZE)]


class Message(ctypes.Structure):
    _fields_ = [("size", SIZE), ("type", U32), ("family", U32), ("protocol", U32),
                ("http", U32), ("query_address", OCTETS), ("response_address", OCTETS),
                ("query_port", U16), ("response_port", U16),
                ("query_time", POINTER(Time)), ("response_time", POINTER(Time)),
                ("query", OCTETS), ("response", OCTETS), ("query_size", SIZE),
                ("response_size", SIZE), ("zone", OCTETS), ("zone_size", SIZE),
                ("policy", POINTER(Policy))]


class Pair(ctypes.Structure):
    _fields_ = [("key", OCTETS), ("value", OCTETS)]


def library():
    """What is preloaded."""
    return ctypes.CDLL(None)


def dns(rand, number, response):
    size = rand.choice([0, 10, 300, 2000, rand.randrange(30000)])
    return struct.pack(">HHHHHH", number, 0x8180 if response else 0x100, 1, 0, 0, 0) \
        + b"\4test\0\0\1\0\1" + rand.randbytes(size)


def maybe(rand, value):
    return value if rand.random() < 0.7 else None


def one(rand, number):
    """A message, by the names of dnstap's fields. What it does not have is not there."""
    kind = rand.randrange(1, 15)
    response = kind % 2 == 0
    family = rand.choice([1, 2])
    address = 4 * family * family  # 4 or 16 octets
    said = {
        "type": kind, "socket_family": family,
        "socket_protocol": maybe(rand, rand.randrange(1, 8)),
        "http_protocol": maybe(rand, rand.randrange(1, 4)),
        "query_address": maybe(rand, rand.randbytes(address)),
        "response_address": maybe(rand, rand.randbytes(address)),
        "query_port": maybe(rand, rand.randrange(1, 65536)),
        "response_port": maybe(rand, rand.randrange(1, 65536)),
        "query_zone": maybe(rand, b"\4test\0"),
        "query_message": dns(rand, number, False),
        "query_time": maybe(rand, (rand.randrange(1, 1 << 33), rand.randrange(10**9))),
        "extra": maybe(rand, f"number {number}".encode()),
    }
    if response:
        said["query_message"] = maybe(rand, said["query_message"])
        said["response_message"] = dns(rand, number, True)
        said["response_time"] = maybe(rand, (rand.randrange(1, 1 << 33), 0))
    if rand.random() < 0.5:
        said["policy"] = present({
            "type": maybe(rand, b"RPZ"), "match": maybe(rand, rand.randrange(1, 6)),
            "action": maybe(rand, rand.randrange(1, 7)),
            "rule": maybe(rand, rand.randbytes(20)),
            "value": maybe(rand, rand.randbytes(7))})
    return present(said)


def present(said):
    return {key: value for key, value in said.items() if value not in (None, {})}


def some(seed, count):
    rand = random.Random(seed)
    return [one(rand, number) for number in range(count)]


def point(time):
    return ctypes.pointer(Time(*time)) if time else None


def policy_of(said):
    if said is None:
        return None
    return ctypes.pointer(Policy(
        size=ctypes.sizeof(Policy), type=said.get("type"), match=said.get("match", 0),
        action=said.get("action", 0), rule=said.get("rule"), value=said.get("value"),
        rule_size=len(said.get("rule", b"")), value_size=len(said.get("value", b""))))


def struct_of(said):
    return Message(
        size=ctypes.sizeof(Message), type=said["type"], family=said["socket_family"],
        protocol=said.get("socket_protocol", 0), http=said.get("http_protocol", 0),
        query_address=said.get("query_address"),
        response_address=said.get("response_address"),
        query_port=said.get("query_port", 0), response_port=said.get("response_port", 0),
        query_time=point(said.get("query_time")),
        response_time=point(said.get("response_time")),
        query=said.get("query_message"), query_size=len(said.get("query_message", b"")),
        response=said.get("response_message"),
        response_size=len(said.get("response_message", b"")),
        zone=said.get("query_zone"), zone_size=len(said.get("query_zone", b"")),
        policy=policy_of(said.get("policy")))


def give(functions, said):
    message = struct_of(said)
    if "extra" not in said:
        return functions.dnstapshim_tap_message(-1, ctypes.byref(message))
    pairs = (Pair * 2)((b"other/label", b"not this one"), (b"test/name", said["extra"]))
    return functions.dnstapshim_tap_message_with_metadata(
        -1, ctypes.byref(message), pairs, SIZE(2))


def logged(frame):
    """The fields of a frame, as one() has them."""
    outer = dnstap.fields(frame, dnstap.DNSTAP)
    said = dnstap.fields(outer["message"], MESSAGE)
    for side in "query", "response":
        if f"{side}_time_sec" in said:
            nanoseconds, = struct.unpack("<I", said.pop(f"{side}_time_nsec"))
            said[f"{side}_time"] = said.pop(f"{side}_time_sec"), nanoseconds
    if "policy" in said:
        said["policy"] = dnstap.fields(said["policy"], POLICY)
    if outer.get("extra", b"-") != b"-":
        said["extra"] = outer["extra"]
    return said


def main(seed, count, then=""):
    for message in some(int(seed), int(count)):
        assert give(library(), message) == 0, message
    if then == "stay":
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
