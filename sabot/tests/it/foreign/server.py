"""The order service: liveness, and a readiness that probes its database and the payment provider.

With `--swallow-errors` it takes every probe that fails for one that went well, as a careless `except` does.
"""

import datetime
import http.client
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import postgres

OK, IMPAIRED, DOWN = "healthy", "impaired", "down"
SERVABLE = 3


def settings(variable):
    """Entries such as `db=500ms`, joined by commas."""
    entries = (entry.split("=", 1) for entry in os.environ.get(variable, "").split(",") if entry)
    return {name.strip(): value for name, value in entries}


def seconds(text):
    for unit, length in (("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)):
        if text.endswith(unit):
            return float(text[: -len(unit)]) * length
    raise ValueError(text)


def ask_database(limit):
    postgres.query(os.environ["DATABASE_URL"], "SELECT count(*) FROM orders", limit)
    return OK, None


def ask_payments(limit):
    at = urlsplit(os.environ["PAYMENTS_URL"])
    connection = http.client.HTTPConnection(at.hostname, at.port, timeout=limit)
    try:
        connection.request("GET", "/status", headers={"authorization": os.environ["PAYMENTS_TOKEN"]})
        status = connection.getresponse().status
    finally:
        connection.close()
    if status in (401, 403):
        return IMPAIRED, "bad_credentials"
    return (OK, None) if status < 300 else (DOWN, "http_500")


class Dependency:
    """One probe for all who ask within its period."""

    def __init__(self, name, ask):
        self.name, self.ask = name, ask
        self.period = seconds(settings("CACHE").get(name, "10s"))
        self.limit = seconds(settings("TIME_LIMIT").get(name, "1s"))
        self.critical = settings("CRITICAL").get(name) == "true"
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
            if self.row and age <= self.period * SERVABLE:
                return self.row
        done.wait(self.limit + 1)
        with self.lock:
            return self.row

    def probe(self, done):
        begun = time.monotonic()
        try:
            state, problem = self.ask(self.limit)
        except TimeoutError:
            state, problem = DOWN, "timeout"
        except OSError:
            state, problem = DOWN, "refused"
        except Exception:
            state, problem = DOWN, "query_failed"
        if "--swallow-errors" in sys.argv:
            state, problem = OK, None
        now = datetime.datetime.now(datetime.timezone.utc)
        row = {
            "dependency": self.name,
            "state": state,
            "millis": int((time.monotonic() - begun) * 1000),
            "problem": problem,
            "seen_at": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        with self.lock:
            self.row, self.probed, self.probing = row, time.monotonic(), None
        done.set()


DEPENDENCIES = [Dependency("db", ask_database)]
if os.environ.get("PAYMENTS_URL"):
    DEPENDENCIES.append(Dependency("payments", ask_payments))


def ready():
    # Side by side: one that hangs costs no more than its own time limit.
    rows = [None] * len(DEPENDENCIES)

    def fill(place):
        rows[place] = DEPENDENCIES[place].result()

    asking = [threading.Thread(target=fill, args=(place,), daemon=True) for place in range(len(rows))]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    states = [(dependency.critical, row["state"]) for dependency, row in zip(DEPENDENCIES, rows)]
    out = (True, DOWN) in states
    state = DOWN if out else OK if all(state == OK for _, state in states) else IMPAIRED
    answer = {"state": state, "app": "orders", "build": os.environ.get("BUILD", "unknown"), "dependencies": rows}
    return 503 if out else 200, formed(answer, out)


def formed(answer, out):
    """The same as others tell it; where no word is for what is harmless, only what is critical is told."""
    form, rows = os.environ.get("FORM"), answer["dependencies"]
    critical = [row for row, dependency in zip(rows, DEPENDENCIES) if dependency.critical]
    up = {True: "UP", False: "DOWN"}
    if form == "actuator":
        components = {row["dependency"]: {"status": up[row["state"] == OK], "details": {}} for row in critical}
        return {"status": up[not out], "groups": ["liveness"], "components": components}
    if form == "microprofile":
        checks = [{"name": row["dependency"], "status": up[row["state"] == OK], "data": {}} for row in critical]
        return {"status": up[not out], "checks": checks}
    if form == "health-json":
        words = {OK: "pass", IMPAIRED: "warn", DOWN: "fail"}

        told = {}
        for row, dependency in zip(rows, DEPENDENCIES):
            entry = {"status": words[row["state"]], "time": row["seen_at"], "observedUnit": "ms"}
            if row["problem"]:
                entry["output"] = row["problem"]
            told[dependency.name + ":responseTime"] = [entry]
        return {"status": words[answer["state"]], "version": "1", "checks": told}
    return {} if form == "status" else answer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/health":
            status, answer = 200, {"alive": True}
        elif self.path == "/ready":
            status, answer = ready()
        else:
            status, answer = 404, {"problem": "no such path"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
