"""The option that an answer of one sentence begins with, where it can only be the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from smallscale_ci.judges.conclusions import LONG, SENTENCES, SUMS_UP, own_text
from smallscale_ci.judges.doubts import HEDGED
from smallscale_ci.judges.lines import Claim, Line
from smallscale_ci.judges.options import Named, Options

_LEAD = re.compile(r"(?:(?:so|thus|hence|therefore),?\s)?(?P<there>there\s(?:is|are)\s)?")


def mention(lines: Sequence[Line], options: Options) -> Claim | None:
    """What ``All of the above are true.`` and ``There are 4 such numbers.`` name.

    Options that sum up others, and counts, are spoken of for no other reason than to choose them.
    Any other text may be a remark: ``A whale is large.``
    """
    text = lines[0].text.strip() if len(lines) == 1 else ""
    whole = len(text) <= LONG and text.endswith((".", "!", ".*", ".**"))
    if not whole or len(SENTENCES.split(text)) > 1:
        return None
    said = own_text(text)
    lead = _LEAD.match(said)
    said = said[lead.end() :] if lead else said
    for place, own in enumerate(map(own_text, options.texts)):
        counts = lead is not None and lead["there"] and own.isdecimal()
        behind = said[len(own) :]
        begins = said.startswith(own) and behind.startswith(" ") and not HEDGED.search(behind)
        if begins and (counts or SUMS_UP.match(own)):
            return Claim(lines[0].start, Named(place, "by its text"), strong=False, text=text)
    return None
