"""What of the check before training needs no training environment."""

import json
from pathlib import Path

from smallscale_ci.worker.train.check import _examples


def test_answers_may_hold_any_line_separator(tmp_path: Path) -> None:
    """U+2028 and U+0085 end a line for Python's splitlines, but not in JSON lines."""
    row = {
        "conversations": [{"from": "human", "value": "1 + 1?"}],
        "chosen": {"from": "gpt", "value": "2\u2028done"},
        "rejected": {"from": "gpt", "value": "well\x85 2"},
    }
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    asked = [{"role": "user", "content": "1 + 1?"}]
    assert list(_examples(file, supervised=False)) == [(asked, ["2\u2028done", "well\x85 2"])]
