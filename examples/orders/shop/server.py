"""A small HTTP server: routes by method and path, JSON in and out."""

import hmac
import json
import os
import re
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST = 16 * 1024


class Refusal(Exception):
    """An answer other than 200."""

    def __init__(self, status, word, sentence):
        super().__init__(sentence)
        self.status, self.answer = status, {"problem": word, "detail": sentence}


class Request:
    def __init__(self, handler, found):
        self.handler, self.found = handler, found

    def header(self, name):
        return self.handler.headers.get(name) or ""

    def require(self, given, wanted):
        """Who does not know the token gets no further."""
        if not wanted or not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Refusal(401, "unauthorised", "the token is missing or wrong")

    def body(self):
        length = self.header("content-length") or "0"
        if self.header("transfer-encoding") or not length.isdigit():
            raise Refusal(411, "length_required", "say how long the body is")
        if int(length) > LARGEST:
            raise Refusal(413, "too_large", f"at most {LARGEST} bytes")
        try:
            return json.loads(self.handler.rfile.read(int(length)).decode())
        except (ValueError, RecursionError):
            raise Refusal(400, "no_json", "the body is no JSON") from None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    routes = []
    # How long a connection may be idle.
    timeout = 75

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def answer(self, method):
        path = self.path.split("?", 1)[0]
        status, answer = 404, {"problem": "not_found"}
        try:
            for known, pattern, handle in self.routes:
                found = re.fullmatch(pattern, path)
                if found and known == method:
                    status, answer = handle(Request(self, found))
                    break
        except Refusal as refusal:
            status, answer = refusal.status, refusal.answer
        except Exception as error:  # What nobody thought of is no reason to die.
            print(f"{method} {path}: {type(error).__name__}", file=sys.stderr, flush=True)
            status, answer = 500, {"problem": "internal"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if status == 503:
            self.send_header("retry-after", "1")
        if status >= 400:
            # What is left of the body is not read.
            self.send_header("connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer("GET")

    def do_POST(self):
        self.answer("POST")

    def do_PUT(self):
        self.answer("PUT")

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


def serve(routes):
    """Serves until it is told to stop."""
    Handler.routes = routes
    server = Server(("127.0.0.1", int(os.environ["PORT"])), Handler)
    stop = lambda *_: threading.Thread(target=server.shutdown, daemon=True).start()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
