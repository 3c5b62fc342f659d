"""Connections to PostgreSQL: a few that are kept, and a limit on how long anybody waits for one."""

import contextlib
import os
import select
import socket
import threading

import psycopg

KEPT = 8


class Database:
    def __init__(self, url):
        self.url = url
        self.idle = []
        self.lock = threading.Lock()

    def kept(self):
        """One of those that are kept and still good, if there is one."""
        with self.lock:
            while self.idle:
                connection = self.idle.pop()
                if not is_over(connection):
                    return connection
                connection.close()
        return None

    @contextlib.contextmanager
    def transaction(self, limit):
        """A connection in a transaction of its own, which is committed; after `limit` seconds it is torn down."""
        connection = self.kept() or psycopg.connect(self.url, connect_timeout=2)
        watch = threading.Timer(limit, tear_down, [connection])
        watch.daemon = True
        watch.start()
        try:
            with connection.transaction():
                yield connection
        except BaseException:
            watch.cancel()
            connection.close()
            raise
        watch.cancel()
        with self.lock:
            if len(self.idle) < KEPT and not connection.closed:
                self.idle.append(connection)
                return
        connection.close()


def is_over(connection):
    """Whether the server has said anything meanwhile: that it closes, since nobody has asked it for anything."""
    return connection.closed or bool(select.select([connection.fileno()], [], [], 0)[0])


def tear_down(connection):
    """Wakes whoever waits for an answer on it."""
    with contextlib.suppress(OSError, psycopg.Error):
        with socket.socket(fileno=os.dup(connection.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)
