# SPDX-License-Identifier: Apache-2.0
"""A strict decoder of dnstap payloads: an unknown field, a wrong wire type, a
repeated field or a value out of its range is an error."""

import ipaddress
import struct
from dataclasses import dataclass

TYPES = ["AUTH_QUERY", "AUTH_RESPONSE", "RESOLVER_QUERY", "RESOLVER_RESPONSE",
         "CLIENT_QUERY", "CLIENT_RESPONSE", "FORWARDER_QUERY",
         "FORWARDER_RESPONSE", "STUB_QUERY", "STUB_RESPONSE", "TOOL_QUERY",
         "TOOL_RESPONSE", "UPDATE_QUERY", "UPDATE_RESPONSE"]
FAMILIES = ["INET", "INET6"]
PROTOCOLS = ["UDP", "TCP", "DOT", "DOH", "DNSCryptUDP", "DNSCryptTCP", "DOQ"]

VARINT, BYTES, FIXED32 = 0, 2, 5
DNSTAP = {1: ("identity", BYTES), 2: ("version", BYTES), 3: ("extra", BYTES),
          14: ("message", BYTES), 15: ("type", VARINT)}
MESSAGE = {1: ("type", VARINT), 2: ("socket_family", VARINT),
           3: ("socket_protocol", VARINT), 4: ("query_address", BYTES),
           5: ("response_address", BYTES), 6: ("query_port", VARINT),
           7: ("response_port", VARINT), 8: ("query_time_sec", VARINT),
           9: ("query_time_nsec", FIXED32), 10: ("query_message", BYTES),
           11: ("query_zone", BYTES), 12: ("response_time_sec", VARINT),
           13: ("response_time_nsec", FIXED32), 14: ("response_message", BYTES),
           16: ("http_protocol", VARINT)}


class Malformed(Exception):
    """Not a dnstap payload."""


def require(condition, text):
    if not condition:
        raise Malformed(text)


def varint(data, at):
    value = shift = 0
    while True:
        require(at < len(data) and shift < 64, "varint does not end")
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def fields(data, schema):
    """The fields of one protobuf message, by name."""
    found, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        require(tag >> 3 in schema, f"unknown field {tag >> 3}")
        key, kind = schema[tag >> 3]
        require(tag & 7 == kind, f"{key} has wire type {tag & 7}")
        require(key not in found, f"{key} is repeated")
        if kind == VARINT:
            found[key], at = varint(data, at)
            continue
        size, at = varint(data, at) if kind == BYTES else (4, at)
        require(at + size <= len(data), f"{key} is cut off")
        found[key] = data[at:at + size]
        at += size
    return found


@dataclass(frozen=True)
class Tap:
    """One dnstap message. What was not in it is None."""

    type: str
    family: str
    protocol: str
    query_address: str
    query_port: int
    response_address: str
    response_port: int
    query_time: int  # ns since the epoch
    response_time: int
    query_message: bytes
    response_message: bytes
    query_zone: bytes
    identity: bytes
    version: bytes
    extra: bytes

    @property
    def is_response(self):
        return self.type.endswith("_RESPONSE")

    @property
    def payload(self):
        return self.response_message if self.is_response else self.query_message

    @property
    def time(self):
        return self.response_time if self.is_response else self.query_time


def word(message, key, words):
    value = message.get(key, 0)
    require(1 <= value <= len(words), f"{key} is {value}")
    return words[value - 1]


def address(message, key, family):
    if key not in message:
        return None
    size = 4 if family == "INET" else 16
    require(len(message[key]) == size, f"{key} has {len(message[key])} octets")
    return str(ipaddress.ip_address(message[key]))


def port(message, key):
    value = message.get(key)
    require(value is None or 0 < value < 65536, f"{key} is {value}")
    return value


def time(message, key):
    seconds, nanoseconds = message.get(key + "_sec"), message.get(key + "_nsec")
    if seconds is None and nanoseconds is None:
        return None
    require(None not in (seconds, nanoseconds), f"{key}: one half of it")
    nanoseconds, = struct.unpack("<I", nanoseconds)
    require(nanoseconds < 10**9, f"{key}_nsec is {nanoseconds}")
    return seconds * 10**9 + nanoseconds


def decode(payload):
    outer = fields(payload, DNSTAP)
    require(outer.get("type") == 1, f"Dnstap.type is {outer.get('type')}")
    require("message" in outer, "no message")
    inner = fields(outer["message"], MESSAGE)
    family = word(inner, "socket_family", FAMILIES)
    for key in "identity", "version", "extra":
        outer.get(key, b"").decode("utf-8", "strict")
    tap = Tap(
        word(inner, "type", TYPES), family,
        word(inner, "socket_protocol", PROTOCOLS),
        address(inner, "query_address", family), port(inner, "query_port"),
        address(inner, "response_address", family), port(inner, "response_port"),
        time(inner, "query_time"), time(inner, "response_time"),
        inner.get("query_message"), inner.get("response_message"),
        inner.get("query_zone"),
        outer.get("identity"), outer.get("version"), outer.get("extra"))
    other = tap.query_message if tap.is_response else tap.response_message
    require(other is None, f"{tap.type} carries the other side's message")
    require(tap.is_response or tap.response_time is None,
            f"{tap.type} has a response time")
    return tap
