"""A proxy in front of one service, on a port of its own. It passes calls on, or fails them in one of FAULTS."""

import http.client
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# How a service is down: what it answers (status, seconds of Retry-After), or that it answers nothing at all.
REFUSED, HANGS = "connection refused", "no answer"
FAULTS = {
    REFUSED: None,
    HANGS: None,
    "500": (500, None),
    "502": (502, None),
    "503": (503, None),
    "503, Retry-After": (503, 20),
    "504": (504, None),
    "429, Retry-After": (429, 20),
}
# Headers that belong to one connection. `Host` is passed on: signatures of AWS cover it.
OWN_HEADERS = {"connection", "keep-alive", "transfer-encoding"}


class FaultyProxy:
    """Passes calls on to a port of this machine while `fault` is None."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.fault = None
        self.failed = Counter()  # the calls that failed, by fault
        self.lock, self.connections, self.server = threading.Lock(), set(), None
        self.changed = threading.Condition()
        # Keeps the port while nothing listens on it, so that nobody else gets it. Calls to it are refused.
        self.holder = _bound(0)
        self.port = self.holder.getsockname()[1]
        self._listen()

    def set_fault(self, fault):
        """Fails the calls from now on, or none if `fault` is None. Open connections break, as those of a server do that
        goes down."""
        before, self.fault = self.fault, fault
        with self.changed:
            self.changed.notify_all()
        if (before == REFUSED) != (fault == REFUSED):
            self._close() if fault == REFUSED else self._listen()
        self._break_connections()

    def close(self):
        self._close()
        self._break_connections()
        self.holder.close()

    def _listen(self):
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                proxy.answer(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def setup(self):
                super().setup()
                with proxy.lock:
                    proxy.connections.add(self.connection)

            def finish(self):
                with proxy.lock:
                    proxy.connections.discard(self.connection)
                super().finish()

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # the connection broke

        self.server = Server(("127.0.0.1", self.port), Handler, bind_and_activate=False)
        self.server.socket.close()
        self.server.socket = _bound(self.port)
        self.server.server_activate()
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def _close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def _break_connections(self):
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended meanwhile

    def answer(self, call):
        body = call.rfile.read(int(call.headers["Content-Length"] or 0)) or None
        fault = self.fault
        if fault is None:
            return self._pass_on(call, body)
        self.failed[fault] += 1
        if fault == REFUSED:
            call.close_connection = True
        elif fault == HANGS:
            with self.changed:
                self.changed.wait_for(lambda: self.fault != HANGS)
            call.close_connection = True
        else:
            status, wait = FAULTS[fault]
            page = f"<html><body>{status} {http.client.responses[status]}</body></html>".encode()
            headers = [("Content-Type", "text/html")] + [("Retry-After", str(wait))] * (wait is not None)
            _send(call, status, headers, page)

    def _pass_on(self, call, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.target_port, timeout=40)
        try:
            headers = {name: value for name, value in call.headers.items() if name.lower() not in OWN_HEADERS}
            connection.request(call.command, call.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            call.close_connection = True
            return
        finally:
            connection.close()
        _send(call, answer.status, answer.getheaders(), content)


def _bound(port):
    found = socket.socket()
    # Both the holder and the server may have the port.
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.bind(("127.0.0.1", port))
    return found


def _send(call, status, headers, content):
    call.send_response_only(status)
    for name, value in headers:
        if name.lower() not in OWN_HEADERS | {"content-length"}:
            call.send_header(name, value)
    if status >= 200 and status not in (204, 304):
        call.send_header("Content-Length", str(len(content)))
    call.end_headers()
    if call.command != "HEAD":
        call.wfile.write(content)
