"""Health: whether this service can do its work, and which of its dependencies can't."""

import datetime
import http.client
import math
import os
import threading
import time
from urllib.parse import urlsplit

import psycopg

from shop.settings import each, seconds

HEALTHY, IMPAIRED, DOWN = "healthy", "impaired", "down"

# A result so many periods old is still shown while the next one is fetched.
SHOWN_FOR = 3


def database(url, table):
    """Asks for one row of `table`."""

    def ask(limit):
        with psycopg.connect(url, connect_timeout=max(2, math.ceil(limit)), autocommit=True) as connection:
            connection.execute(f"SELECT 1 FROM {table} LIMIT 1")
        return HEALTHY, None

    return ask


def service(url, token):
    """Asks another service whether it lives."""

    def ask(limit):
        at = urlsplit(url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=limit)
        try:
            connection.request("GET", f"/alive?token={token}")
            status = connection.getresponse().status
        finally:
            connection.close()
        if status in (401, 403):
            return IMPAIRED, "bad_credentials"
        if 400 <= status < 500 and status not in (408, 429):
            return IMPAIRED, "http_400"
        return (HEALTHY, None) if status < 300 else (DOWN, f"{url}/alive?token={token} answered {status}")

    return ask


def loop(beats, stale_after):
    """Looks whether a loop of our own has turned lately."""

    def ask(_limit):
        return (HEALTHY, None) if time.monotonic() - beats() < stale_after else (DOWN, "stalled")

    return ask


class Dependency:
    """One probe for all who ask within its period."""

    def __init__(self, name, ask, critical):
        self.name, self.ask = name, ask
        self.critical = each("HEALTH_CRITICAL").get(name, str(critical).lower()) == "true"
        self.period = seconds(each("HEALTH_PERIOD").get(name, "10s"))
        self.limit = seconds(each("HEALTH_LIMIT").get(name, "2s"))
        self.lock = threading.Lock()
        self.row, self.probed, self.probing = None, 0.0, None

    def result(self):
        with self.lock:
            age = time.monotonic() - self.probed
            if self.row and age < self.period:
                return self.row
            if not self.probing:
                self.probing = threading.Event()
                threading.Thread(target=self.probe, args=(self.probing,), daemon=True).start()
            done = self.probing
            if self.row and age <= self.period * SHOWN_FOR:
                return self.row
        done.wait(self.limit + 1)
        with self.lock:
            return self.row

    def probe(self, done):
        begun = time.monotonic()
        outcome = []
        asking = threading.Thread(target=lambda: outcome.append(self.asked()), daemon=True)
        asking.start()
        asking.join(self.limit)
        state, problem = outcome[0] if outcome else (DOWN, "timeout")
        row = {
            "dependency": self.name,
            "state": state,
            "millis": int((time.monotonic() - begun) * 1000),
            "problem": problem,
            "seen_at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        with self.lock:
            self.row, self.probed, self.probing = row, time.monotonic(), None
        done.set()

    def asked(self):
        try:
            return self.ask(self.limit)
        except (TimeoutError, psycopg.errors.ConnectionTimeout):
            return DOWN, "timeout"
        except (OSError, http.client.HTTPException, psycopg.OperationalError):
            return DOWN, "unreachable"
        except Exception:
            return DOWN, "query_failed"


class Health:
    def __init__(self, app, dependencies):
        self.app, self.dependencies = app, dependencies

    def ready(self, _request):
        # Side by side: one that hangs costs no more than its own time limit.
        rows = [None] * len(self.dependencies)

        def fill(place):
            rows[place] = self.dependencies[place].result()

        asking = [threading.Thread(target=fill, args=(place,), daemon=True) for place in range(len(rows))]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        states = [(one.critical, row["state"]) for one, row in zip(self.dependencies, rows)]
        out = (True, DOWN) in states
        state = DOWN if out else HEALTHY if all(state == HEALTHY for _, state in states) else IMPAIRED
        answer = {"state": state, "app": self.app, "build": os.environ.get("BUILD", "unknown"), "dependencies": rows}
        return 503 if out else 200, answer

    def routes(self):
        return [("GET", "/alive", lambda _: (200, {"alive": True})), ("GET", "/health", self.ready)]
