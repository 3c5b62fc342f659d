"""As much of PostgreSQL's protocol as one statement takes: start, SCRAM, a simple query."""

import base64
import hashlib
import hmac
import os
import socket
import struct
import time
from urllib.parse import unquote, urlsplit


class Refused(Exception):
    """The server answered with an error."""


def query(url, sql, limit):
    """Runs one statement within so many seconds; returns the first column of its rows."""
    at = urlsplit(url)
    deadline = time.monotonic() + limit
    connection = Connection(socket.create_connection((at.hostname, at.port), timeout=limit), deadline)
    try:
        connection.start(unquote(at.username), unquote(at.password), at.path.lstrip("/"))
        return connection.query(sql)
    finally:
        connection.socket.close()


class Connection:
    def __init__(self, connected, deadline):
        self.socket = connected
        self.deadline = deadline

    def start(self, user, password, database):
        names = b"".join(part.encode() + b"\0" for part in ("user", user, "database", database)) + b"\0"
        self.socket.sendall(struct.pack("!ii", 8 + len(names), 196608) + names)
        nonce = base64.b64encode(os.urandom(18)).decode()
        first = f"n=,r={nonce}"
        while True:
            kind, body = self.message()
            if kind == b"Z":
                return
            if kind != b"R":
                continue
            (step,) = struct.unpack("!i", body[:4])
            if step == 10:
                sent = ("n,," + first).encode()
                self.send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(sent)) + sent)
            elif step == 11:
                self.send(b"p", proof(first, body[4:].decode(), password).encode())

    def query(self, sql):
        self.send(b"Q", sql.encode() + b"\0")
        rows = []
        while True:
            kind, body = self.message()
            if kind == b"D":
                (length,) = struct.unpack("!i", body[2:6])
                rows.append(None if length < 0 else body[6 : 6 + length].decode())
            elif kind == b"Z":
                return rows

    def send(self, kind, body):
        self.socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def message(self):
        kind, length = struct.unpack("!ci", self.take(5))
        body = self.take(length - 4)
        if kind == b"E":
            raise Refused()
        return kind, body

    def take(self, count):
        taken = b""
        while len(taken) < count:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError()
            self.socket.settimeout(left)
            more = self.socket.recv(count - len(taken))
            if not more:
                raise ConnectionResetError()
            taken += more
        return taken


def proof(first, challenge, password):
    """The client's last message of SCRAM-SHA-256 (RFC 5802)."""
    parts = dict(part.split("=", 1) for part in challenge.split(","))
    last = f"c=biws,r={parts['r']}"
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    signed = hmac.digest(hashlib.sha256(key).digest(), f"{first},{challenge},{last}".encode(), "sha256")
    return f"{last},p=" + base64.b64encode(bytes(a ^ b for a, b in zip(key, signed))).decode()
