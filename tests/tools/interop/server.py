"""An OpenAI-compatible endpoint on loopback that adds numbers, for making test data.

What it answers depends on the question alone: mostly right, sometimes wrong, without an answer, or
cut off at the limit. Usage counts words. ``python server.py [PORT]``, until it is interrupted.
"""

from __future__ import annotations

import json
import re
import sys
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def reply(question: str) -> tuple[str, str, str]:
    """(reasoning, text, finish reason) for a question."""
    numbers = re.findall(r"(\d+) plus (\d+)", question)
    if not numbers:
        return "", "I do not know.", "stop"
    first, second = map(int, numbers[-1])
    kind = zlib.crc32(f"{first}+{second}".encode()) % 8
    total = first + second + (kind == 1)
    thought = f"{first} and {second} make {total}, I think."
    if kind == 2:
        return thought, "Let me add these two numbers, one step at a", "length"
    if kind == 3:
        return thought, "I cannot say.", "stop"
    letters = re.findall(r"^\s*\(?([A-D])[.)]\s*(\d+)\s*$", question, re.MULTILINE)
    picked = [letter for letter, value in letters if int(value) == total]
    if letters:
        return thought, f"It makes {total}.\n\nANSWER: {(picked or ['A'])[-1]}", "stop"
    answer = rf"\boxed{{{total}}}" if "boxed" in question else f"#### {total}"
    return thought, f"{first} + {second} = {total}\n{answer}", "stop"


def _said(body: dict[str, Any]) -> str:
    if "messages" not in body:
        prompt = body.get("prompt", "")
        return prompt[0] if isinstance(prompt, list) else str(prompt)
    content = body["messages"][-1]["content"]
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content)
    return str(content)


class Handler(BaseHTTPRequestHandler):
    """Chat completions and completions."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": "adder", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = _said(body)
        thought, text, finish = reply(asked)
        chat = "messages" in body
        if finish == "length":
            thought = ""
        message = {"role": "assistant", "content": text}
        if thought and chat:
            message["reasoning_content"] = thought
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish, "logprobs": None}
        choices = [
            {**choice, "index": index, **({"message": message} if chat else {"text": text})}
            for index in range(int(body.get("n") or 1))
        ]
        thinking, spoken = (len(thought.split()) if chat else 0), len(text.split())
        usage = {
            "prompt_tokens": len(asked.split()),
            "completion_tokens": thinking + spoken,
            "total_tokens": len(asked.split()) + thinking + spoken,
            "completion_tokens_details": {"reasoning_tokens": thinking},
        }
        if body.get("stream"):
            self._stream({"role": "assistant", "content": text}, thought, finish, usage)
            return
        kind = "chat.completion" if chat else "text_completion"
        self._send(
            {"id": "1", "object": kind, "created": 0, "model": body.get("model", "adder"),
             "choices": choices, "usage": usage}
        )  # fmt: skip

    def _stream(self, message: Any, thought: str, finish: str, usage: Any) -> None:
        common = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "adder"}
        delta = {**message, **({"reasoning_content": thought} if thought else {})}
        chunks = [
            {**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
            {**common, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
            {**common, "choices": [], "usage": usage},
        ]
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]
        self._send_bytes("".join(lines).encode(), "text/event-stream")

    def _send(self, value: Any) -> None:
        self._send_bytes(json.dumps(value).encode(), "application/json")

    def _send_bytes(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9731
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
