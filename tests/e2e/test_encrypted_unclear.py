# SPDX-License-Identifier: Apache-2.0
"""Requests over HTTPS that not every server takes for the same query: what is answered
is in the log, or counted."""

import h2.config
import h2.connection
import h2.events

from harness import dns, encrypted, metrics, tls
from harness.collector import Collector
from harness.doh import TYPE, encoded
from harness.each import each
from harness.encrypted import DOH, PATH, EncryptedScene

TYPED = ("content-type", TYPE)
# Method, what stands behind the path, further fields and whether there is a body: the
# message, or none but its end (EMPTY), as dig has it. "$" is the message in a target,
# "%" another one.
EMPTY = "empty"
CLEAR = [
    ("GET", "?dns=$", [], False),
    ("GET", "?dns=$=", [], False),
    ("GET", "?dns=$", [], EMPTY),
    ("POST", "", [TYPED], True),
    ("POST", "", [TYPED, ("content-encoding", "x")], True),
]
UNCLEAR = [
    ("POST", "", [], True),
    ("POST", "", [("content-type", "text/plain")], True),
    ("PUT", "", [TYPED], True),
    ("PUT", "?dns=$", [], False),
    ("HEAD", "?dns=$", [], False),
    ("GET", "?dns=$", [TYPED], True),
    ("GET", "?x?dns=$", [], False),
    ("GET", "?&dns=$", [], False),
    ("GET", "?dns=$&dns=%", [], False),
    ("GET", "?x#&dns=$", [], False),
    ("GET", "#?dns=$", [], False),
    ("GET", "?dns=$====", [], False),
    ("GET", "?dns=$!x", [], False),
]


def query(label):
    return dns.query(0, f"{label}.test", "A", rd=True)


class Client:
    """One request on a connection of its own."""

    def __init__(self, scene):
        self.stream = tls.Stream(scene.server.addresses[0], DOH, tls.context(
            scene.authority, alpn=["h2"])).open()
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(
            header_encoding="utf-8", validate_outbound_headers=False))
        self.http.initiate_connection()
        self.status, self.type, self.body, self.over = None, None, b"", False

    def ask(self, method, target, fields, body):
        """Returns self when the server has answered, or refused."""
        self.http.send_headers(1, [
            (":method", method), (":scheme", "https"), (":authority", encrypted.NAME),
            (":path", PATH + target), *fields], end_stream=body is None)
        # To HEAD, some send a body and others none: let it have any length.
        self.http.streams[1]._track_content_length = lambda *_: None
        if body is not None:
            self.http.send_data(1, body, end_stream=True)
        while not self.over:
            self.stream.write(self.http.data_to_send())
            while self.stream.flush():
                pass
            self.stream.wait()
            self._hear(self.stream.read())
        self.stream.notify()
        while self.stream.flush():
            pass
        self.stream.socket.close()
        return self

    def _hear(self, octets):
        for event in self.http.receive_data(octets) if octets else ():
            if isinstance(event, h2.events.ResponseReceived):
                head = dict(event.headers)
                self.status, self.type = head[":status"], head.get("content-type")
            elif isinstance(event, h2.events.DataReceived):
                self.body += event.data
            self.over |= isinstance(event, (
                h2.events.StreamEnded, h2.events.StreamReset,
                h2.events.ConnectionTerminated))
        self.over |= self.stream.ended

    def answered(self):
        return self.status == "200" and self.type == TYPE


def ask(scene, number, method, target, fields, has_body):
    message, other = query(f"one{number}"), query(f"two{number}")
    target = target.replace("$", encoded(message)).replace("%", encoded(other))
    body = {True: message, False: None, EMPTY: b""}[has_body]
    return message, Client(scene).ask(method, target, fields, body)


@each(encrypted.SERVING_DOH)
def test_requests(name):
    collector = Collector()
    here = EncryptedScene(name, f"dnstap {collector.endpoint} full", ports=(DOH,))
    sent, got, unread = [], [], 0
    for number, case in enumerate(CLEAR + UNCLEAR):
        message, client = ask(here, number, *case)
        if number < len(CLEAR):
            sent.append(message)
        else:
            unread += client.answered()
        if client.answered() and client.body:
            got.append(client.body)
    assert unread, "it has read none of them"
    here.settle()
    here.server.stop()
    taps = [tap for tap in collector.taps(orderly=here.server.server.lingers)
            if tap.protocol == "DOH"]
    assert sorted(sent) == sorted(tap.payload for tap in taps
                                  if tap.type == "CLIENT_QUERY")
    assert sorted(got) == sorted(tap.payload for tap in taps
                                 if tap.type == "CLIENT_RESPONSE")
    metrics.Metrics().check()
    assert metrics.Metrics().drops() == {"stream": unread}
