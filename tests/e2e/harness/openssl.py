# SPDX-License-Identifier: Apache-2.0
"""What OpenSSL can do and Python's ssl module does not offer."""

import contextlib
import ctypes
import socket

from . import dns, namespace
from .encrypted import DOT
from .process import PATIENCE

SSL = ctypes.CDLL("libssl.so.3", use_errno=True)
CRYPTO = ctypes.CDLL("libcrypto.so.3")
for function in "TLS_client_method", "SSL_CTX_new", "SSL_new", "SSL_get1_session":
    getattr(SSL, function).restype = ctypes.c_void_p
EARLY_ACCEPTED = 2  # SSL_EARLY_DATA_ACCEPTED
CTRL_MAX_VERSION, TLS1_2 = 124, 0x0303  # SSL_CTX_set_max_proto_version(3)


class Client:
    """A blocking client of DNS over TLS, which verifies nobody. `session`: another
    one's; `early`: a message that it sends before the handshake is over."""

    def __init__(self, record, address=namespace.SERVER4, newest=None, session=None,
                 early=None):
        self.record, self.socket = record, socket.create_connection(
            (address, DOT), PATIENCE, (namespace.CLIENTS4[1], 0))
        self.socket.setblocking(True)
        self.asker = self.socket.getsockname()[:2]
        self.answerer = self.socket.getpeername()[:2]
        self.context = ctypes.c_void_p(SSL.SSL_CTX_new(
            ctypes.c_void_p(SSL.TLS_client_method())))
        if newest:
            SSL.SSL_CTX_ctrl(self.context, CTRL_MAX_VERSION, ctypes.c_long(newest), None)
        self.ssl = ctypes.c_void_p(SSL.SSL_new(self.context))
        SSL.SSL_set_fd(self.ssl, self.socket.fileno())
        if session:
            assert SSL.SSL_set_session(self.ssl, session) == 1
        if early:
            fact, octets = self._query(early)
            done = ctypes.c_size_t()
            assert SSL.SSL_write_early_data(self.ssl, octets, len(octets),
                                            ctypes.byref(done)) == 1
        assert SSL.SSL_connect(self.ssl) == 1, "no handshake"
        if early:
            assert SSL.SSL_get_early_data_status(self.ssl) == EARLY_ACCEPTED
            self._answer(fact, early)

    def _query(self, message):
        """Returns the fact, and the octets that are to be sent."""
        return (self.record.query("DOT", self.asker, self.answerer, message),
                len(message).to_bytes(2, "big") + message)

    def ask(self, message):
        fact, octets = self._query(message)
        assert SSL.SSL_write(self.ssl, octets, len(octets)) == len(octets)
        self._answer(fact, message)

    def _answer(self, fact, message):
        answer = self._exactly(int.from_bytes(self._exactly(2), "big"))
        assert dns.ident(answer) == dns.ident(message)
        self.record.response(fact, answer)

    def _exactly(self, size):
        buffer, have = ctypes.create_string_buffer(size), b""
        while len(have) < size:
            got = SSL.SSL_read(self.ssl, buffer, size - len(have))
            assert got > 0, "the server hung up"
            have += buffer.raw[:got]
        return have

    def update_keys(self):
        """RFC 8446 4.6.3, of both sides."""
        assert SSL.SSL_key_update(self.ssl, 1) == 1
        assert SSL.SSL_do_handshake(self.ssl) == 1

    def renegotiate(self):
        """RFC 5746. Returns if the server did."""
        assert SSL.SSL_renegotiate(self.ssl) == 1
        return SSL.SSL_do_handshake(self.ssl) == 1

    def end(self):
        """In good order, without which no other goes on with the session. Returns it."""
        session = ctypes.c_void_p(SSL.SSL_get1_session(self.ssl))
        SSL.SSL_shutdown(self.ssl)
        self.close()
        return session

    def close(self):
        self.socket.close()
        SSL.SSL_free(self.ssl)
        SSL.SSL_CTX_free(self.context)


GENERATE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_ubyte), ctypes.c_int)


class Method(ctypes.Structure):
    """RAND_METHOD (RAND_set_rand_method(3))."""

    _fields_ = [(name, kind) for name, kind in (
        ("seed", ctypes.c_void_p), ("bytes", GENERATE), ("cleanup", ctypes.c_void_p),
        ("add", ctypes.c_void_p), ("pseudorand", GENERATE), ("status", ctypes.c_void_p))]


@GENERATE
def _always_the_same(buffer, size):
    ctypes.memset(buffer, 0x5a, size)
    return 1


@contextlib.contextmanager
def same_randoms():
    """Every hello of this process has the same random number."""
    method = Method(bytes=_always_the_same, pseudorand=_always_the_same)
    CRYPTO.RAND_set_rand_method(ctypes.byref(method))
    try:
        yield
    finally:
        CRYPTO.RAND_set_rand_method(None)
