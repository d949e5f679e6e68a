"""Make the README's pictures of a run: report.html, and report.md as a pull request shows it.

    python tests/tools/screenshots.py runs/RUN docs/images

Needs Chromium (``chromium``, ``google-chrome`` or $CHROMIUM), and nothing from the network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt

LARGEST = 200 * 1024  # bytes of one picture
WIDTH = 1000
# What GitHub's own style does to tables, code and folded parts, in a few lines.
PAGE = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 16px; background: #fff; color: #1f2328;
  font: 14px/1.5 system-ui, sans-serif; }
.comment { border: 1px solid #d0d7de; border-radius: 6px; }
.by { background: #f6f8fa; border-bottom: 1px solid #d0d7de; padding: 8px 16px; }
.body { padding: 16px; }
h1, h2, h3 { margin: 16px 0 8px; line-height: 1.25; font-size: 18px; }
h1:first-child, h2:first-child, h3:first-child { margin-top: 0; }
table { border-collapse: collapse; margin: 12px 0; }
th, td { border: 1px solid #d0d7de; padding: 4px 10px; }
pre, code { background: #eff1f3; border-radius: 6px; font-size: 12px; }
pre { padding: 12px; overflow: hidden; } code { padding: 2px 4px; } pre code { padding: 0; }
</style><div class="comment"><div class="by"><b>github-actions</b> commented</div>
<div class="body">%s</div></div>"""

MARKS = {"✅": "✔", "❌": "✘"}  # signs that fonts without emoji have


def chromium() -> str:
    """The browser's program."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        sys.exit("There is no Chromium. Install one, or name it: CHROMIUM=…")
    return found


def picture(page: Path, target: Path, height: int) -> None:
    """The top of ``page``, ``WIDTH`` by ``height``, as PNG."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *(chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *(f"--user-data-dir={profile}", f"--window-size={WIDTH},{height}"),
                *(f"--screenshot={target}", page.absolute().as_uri()),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
    if (size := target.stat().st_size) > LARGEST:
        sys.exit(f"{target} has {size:,} bytes, more than {LARGEST:,}: take fewer rows.")


def main(run: Path, folder: Path) -> None:
    """Write ``report.png`` and ``comment.png`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    picture(run / "report" / "report.html", folder / "report.png", 1050)
    markdown = (run / "report" / "report.md").read_text(encoding="utf-8")
    for emoji, sign in MARKS.items():
        markdown = markdown.replace(emoji, sign)
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    with tempfile.TemporaryDirectory() as place:
        page = Path(place) / "comment.html"
        page.write_text(PAGE % body, encoding="utf-8")
        picture(page, folder / "comment.png", 680)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
