# SPDX-License-Identifier: Apache-2.0
"""A server that others ask over TLS or HTTPS, and that records what it got and gave.
It asks another one over TCP, which the library is not in either."""

import base64
import random
import select
import socket
import ssl
import threading

import h2.config
import h2.connection
import h2.events

from . import dns, encrypted, namespace, tls
from .doh import TYPE
from .process import PATIENCE
from .record import Record


BEHIND = "127.0.0.98"  # who knows the answers


class Resolver:
    """A connection to the server that knows them."""

    def __init__(self):
        self.socket = socket.create_connection((BEHIND, 53), PATIENCE)

    def _exactly(self, size):
        octets = b""
        while len(octets) < size:
            piece = self.socket.recv(size - len(octets))
            assert piece, "nsd hung up"
            octets += piece
        return octets

    def ask(self, message):
        self.socket.sendall(len(message).to_bytes(2, "big") + message)

    def next(self):
        return self._exactly(int.from_bytes(self._exactly(2), "big"))

    def answer(self, message):
        self.ask(message)
        return self.next()


class Peer(threading.Thread):
    """One connection, from its first octet to its last."""

    def __init__(self, upstream, connection):
        super().__init__(daemon=True)
        self.upstream, self.connection = upstream, connection
        self.answerer = connection.getsockname()[:2]
        self.asker = connection.getpeername()[:2]
        self.random = random.Random(self.asker[1])
        self.tls, self.buffer, self.error = None, b"", None

    def run(self):
        try:
            self.tls = self.upstream.context.wrap_socket(
                self.connection, server_side=True)
            self.resolver = Resolver()
            self.serve()
        except (ConnectionError, ssl.SSLError, TimeoutError) as error:
            self.error = error
        finally:
            (self.tls or self.connection).close()

    def read(self):
        """Some octets, or none at the end."""
        try:
            return self.tls.recv(1 << 16)
        except (ConnectionError, ssl.SSLEOFError):
            return b""

    def write(self, octets):
        """In records of any length."""
        while octets:
            size = self.random.choice((1, 2, 30, 500, 1 << 16))
            self.tls.sendall(octets[:size])
            octets = octets[size:]

    def query(self, message):
        return self.upstream.record.query(
            self.PROTOCOL, self.asker, self.answerer, message)

    def answer(self, fact):
        """The answer to a query that has been recorded; recorded in its turn."""
        message = self.resolver.answer(fact.key[-1])
        self.upstream.record.response(fact, message)
        return message


class Dot(Peer):
    PORT, ALPN, PROTOCOL = encrypted.DOT, ["dot"], "DOT"

    def serve(self):
        while octets := self.read():
            asked = list(map(self.query, self.asked(octets)))
            self.random.shuffle(asked)
            for fact in asked:
                message = self.answer(fact)
                self.write(len(message).to_bytes(2, "big") + message)

    def asked(self, octets):
        """The messages that these octets complete."""
        messages, self.buffer = dns.framed(self.buffer + octets)
        return messages


class Relay(Dot):
    """To one query there may be several answers."""

    def serve(self):
        asked = {}
        while True:
            waiting = self.tls.pending() or self.tls in select.select(
                [self.tls, self.resolver.socket], [], [])[0]
            if not waiting:
                message = self.resolver.next()
                self.upstream.record.response(asked[dns.ident(message)], message)
                self.write(len(message).to_bytes(2, "big") + message)
            elif octets := self.read():
                for message in self.asked(octets):
                    asked[dns.ident(message)] = self.query(message)
                    self.resolver.ask(message)
            else:
                return


class Doh(Peer):
    """HTTP/2; HTTP/1.1 with POST where that is asked for."""

    PORT, ALPN, PROTOCOL = encrypted.DOH, ["h2", "http/1.1"], "DOH"

    def serve(self):
        if self.tls.selected_alpn_protocol() == "h2":
            self._http2()
        else:
            self._http1()

    def _http2(self):
        http = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=False, header_encoding="utf-8"))
        http.initiate_connection()
        self.write(http.data_to_send())
        heads, bodies = {}, {}
        while octets := self.read():
            for event in http.receive_data(octets):
                if isinstance(event, h2.events.RequestReceived):
                    heads[event.stream_id] = dict(event.headers)
                    bodies[event.stream_id] = b""
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                    http.acknowledge_received_data(event.flow_controlled_length,
                                                   event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self._stream(http, event.stream_id, heads.pop(event.stream_id),
                                 bodies.pop(event.stream_id))
            self.write(http.data_to_send())

    def _stream(self, http, number, head, body):
        if head[":method"] == "GET":
            text = head[":path"].partition("?dns=")[2]
            body = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        answer = self.answer(self.query(body))
        http.send_headers(number, [(":status", "200"), ("content-type", TYPE),
                                   ("content-length", str(len(answer)))])
        half = self.random.randint(0, len(answer))
        http.send_data(number, answer[:half])
        http.send_data(number, answer[half:], end_stream=True)

    def _http1(self):
        while octets := self.read():
            self.buffer += octets
            while b"\r\n\r\n" in self.buffer:
                head, _, rest = self.buffer.partition(b"\r\n\r\n")
                size = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                            if line.lower().startswith(b"content-length:"))
                if len(rest) < size:
                    break
                self.buffer = rest[size:]
                answer = self.answer(self.query(rest[:size]))
                self.write(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d"
                           b"\r\n\r\n%s" % (TYPE.encode(), len(answer), answer))


class Upstream:
    """Listens at UPSTREAM, on the port of what its peers speak (Dot, Doh)."""

    def __init__(self, peer, record=None):
        self.record, self.peers = record or Record(asked=True), []
        self.context = tls.server_context(peer.ALPN)
        self.socket = socket.create_server((namespace.UPSTREAM, peer.PORT), backlog=500)
        threading.Thread(target=self._accept, args=(peer,), daemon=True).start()

    def _accept(self, peer):
        while True:
            connection, _ = self.socket.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peers.append(peer(self, connection))
            self.peers[-1].start()

    def join(self):
        """Waits for the ends of all connections."""
        for peer in self.peers:
            peer.join(PATIENCE)
            assert not peer.is_alive(), f"{peer.asker} is still connected"
