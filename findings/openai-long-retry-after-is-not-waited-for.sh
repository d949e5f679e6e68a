#!/usr/bin/env bash
# openai 3.57.0: with max_retries=3, a 429 whose Retry-After is 120 s or less is retried after that
# time; one of 121 s is raised after a single request, neither waited for nor tried again sooner. A
# server that asks a busy client for three minutes of patience so ends it at once, and raising
# max_retries does not help.
#
# Asks a server on 127.0.0.1; the clock of waiting is the server's own count of requests. Prints the
# requests seen for each Retry-After; exits 1 where that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --quiet install openai==3.57.0
"$folder/env/bin/python" - <<'PYTHON'
import http.server
import sys
import threading
import time

import openai

seen, asked = [], ["1"]


class Busy(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        seen.append(time.monotonic())
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(429)
        self.send_header("Retry-After", asked[0])
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = openai.OpenAI(
    base_url=f"http://127.0.0.1:{server.server_port}", api_key="none", max_retries=3
)
counts = {}
for seconds in ("1", "121"):
    asked[0] = seconds
    seen.clear()
    try:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
    except openai.RateLimitError as error:
        print(f"openai {openai.__version__}, Retry-After: {seconds}: {len(seen)} request(s), then {type(error).__name__}")
    counts[seconds] = len(seen)
sys.exit(counts != {"1": 4, "121": 1})
PYTHON
