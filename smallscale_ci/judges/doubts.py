"""Words by which an option is spoken of without being chosen."""

from __future__ import annotations

import re

# Anywhere in the sentence.
HEDGED = re.compile(
    r"\b(?:exclud\w+|(?:rul|cross)(?:e|es|ed|ing)?\sout|dismiss\w*|discard\w*|reject\w*|misconceptions?|mistakes?"
    r"|errors?|traps?|distractors?|tempting|considered|(?<!in\s)questions?\s(?:is|asks|wants|concerns)|options?\sare|includes?|possib\w+"
    r"|if|whether|could|may|might|maybe|perhaps|either|neither|both|consider|look\sat|let['’]?s?|suppose|assume"
    r"|check|unless|unsure|for\sexample|such\sas|like|nothing|none|nobody|nor|hardly|lacks|without|versus|vs|false|untrue|unlikely|wrong|incorrect|eliminated?|falsch\w*|неправильн\w*|неверн\w*)\b|\bn['’]t\b|\?",
    re.IGNORECASE,
)
# Right before or behind the option's text, whose place † marks.
ONLY_NAMED = re.compile(
    r"\b(?:contradict(?:s|ed|ing)?|opposite\s(?:of|to|would\sbe|is)|(?:speaks?|argues?|evidence|counts?)\sagainst|avoid(?:s|ing)?"
    r"|confus\w+(?:\s\w+){0,2}\swith|contrast\sto|remember|see\salso|compared?\s(?:with|to)|similar\sto|leaves?\sopen"
    r"|likely\sto\sbe|argue\sfor|one\sof\s(?:the|these)\s\w+\sis|(?:topic|subject|title)\sis|mention(?:s|ed)|asks?\sabout"
    r"|wrote|claims?:?|says:?|said:?|definition(?:\sof)?:?|hint:?|note:?|believed?|instead\sof|rather\sthan|than|apart\sfrom|besides"
    r"|except(?:\sfor)?|other\sthan|unlike|would\s(?:say|give|mean)|start(?:s|ing)?\swith)\s(?:(?:the|an?|in)\s)?\W*(?:†|$)"
    r"|\b(?:many|some|most|few|too\smany|several)\s(?:students?|people|readers?|would|might|may|think|say)\b"
    r"|†\W*(?:sounds?|looks?|seems?|is\sdefined|was\sdefined|too\b|also\b|as\swell\b)",
)
