"""A socket that answers as a container engine would: podman's, an old docker's, a slow one's."""

import http.server
import json
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class _NetworkServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True


@contextmanager
def answering(
    address: str | tuple[str, int],
    answers: dict[str, tuple[int, object]],
    slow: str = "none",
    context: ssl.SSLContext | None = None,
) -> Iterator[dict[str, str]]:
    """A socket whose HTTP answers are given, as podman's or an old docker's would be."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            path = self.path.partition("?")[0]
            for name, (code, value) in answers.items():
                if path.endswith(name):
                    body = json.dumps(value).encode()
                    time.sleep(1.0 if name == slow else 0.0)
                    self.send_response(code)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                    return
            self.send_error(404)

        do_GET = do_HEAD = do_POST = do_DELETE = _answer  # noqa: N815

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *arguments: object) -> None:
            pass

    local = isinstance(address, str)
    with (_Server if local else _NetworkServer)(address, Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        port = "" if local else server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield {"DOCKER_HOST": f"unix://{address}" if local else f"tcp://127.0.0.1:{port}"}
        finally:
            server.shutdown()
