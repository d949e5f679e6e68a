"""How an engine's token counts relate to the tokeniser's: ``python counted.py MODEL FILE``.

FILE has generations as a JSON list. Runs in an engine's Python; prints RESULT and JSON. ``ends``:
samples whose last counted id is an end-of-sequence id (there must be none). ``same``: samples whose
text gives the counted ids again. A sampled sequence need not be the one that the tokeniser would
choose for its text, which is why tokens are counted from ids.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from transformers import AutoTokenizer


def main() -> None:
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    rows = json.loads(Path(sys.argv[2]).read_text())
    end = tokenizer.eos_token_id
    end_text = tokenizer.decode([end])
    again = [
        tokenizer.encode(row["text"].removesuffix(end_text), add_special_tokens=False)
        for row in rows
    ]
    result = {
        "samples": len(rows),
        "finish": Counter(row["finish_reason"] for row in rows),
        "ends": sum(row["token_ids"][-1:] == [end] for row in rows),
        "counted": sum(row["completion_tokens"] for row in rows),
        "retokenised": sum(map(len, again)),
        "same": sum(ids == row["token_ids"] for ids, row in zip(again, rows, strict=True)),
        "text_has_end": sum(row["text"].endswith(end_text) for row in rows),
    }
    print("\nRESULT", json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
