"""The words with which people and models name their answer, language by language.

English, German, French, Spanish, Italian, Portuguese, Russian, Chinese, Japanese, Korean, Arabic;
of fifteen more what comes before a label.
All are parts of regular expressions that ignore case; no part crosses a sentence.
"""

from __future__ import annotations

import re

# Words before the phrase that names the option. "…" in a gap never crosses a sentence.
_GAP = r"[^.\n:=?。]{0,60}?"
_WHICH = (
    r"(?:correct|right|best|better|final|my|closest|nearest|credited|only\s(?:correct|valid|possible|remaining)"
    r"|most\s(?!tempting|common|popular|frequent|obvious)\w+)\s(?:option|choice|letter|pick|selection|response|statement|one|ending|sentence|completion"
    r"|continuation|match|alternative|value|guess|solution)"
)
# Verbs of a statement beside "is".
TURNS = (
    r"(?:(?:must|should|would|has\sto|have\sto|can\sonly)(?:\s(?:therefore|thus|then|hence|simply))?\s(?:have\sto\s)?be"
    r"|(?:comes|turns|works)\sout\s(?:to\sbe|to|as)|ends\sup\s(?:being|as))"
)
# Words between "the answer is" and a label or a number. Some are also answers of their own
# ("always"), so the label or the number must follow.
ADVERBS = (
    r"(?:surely|certainly|obviously|evidently|undoubtedly|really|truly|exactly|precisely|merely|only|always"
    r"|again|once\sagain|hence|equally|naturally|necessarily|ultimately|finally|consequently|accordingly"
    r"|logically|unambiguously|definitely|clearly|of\scourse|in\s(?:fact|the\send)|after\sall"
    r"|without\s(?:a\s|any\s)?doubt|no\sdoubt)"
)
ANSWER = (
    # English
    (
        rf"\b(?:answers?|{_WHICH})\b{_GAP}"
        rf"\s(?:is|are|equals|{TURNS})\b(?:[\s,]+(?:actually|indeed|simply|just|thus"
        r"|therefore|then|still|now|clearly|definitely|of\scourse|that|"
        rf"{ADVERBS}(?=[\s,]+[*(\"“]{{0,4}}[A-Z]\b(?!['’]))"
        r")\b)*[\s,]*[:=]?"
    ),
    (
        rf"\b(?:answers?|ans|{_WHICH})\b"
        r"(?:\*\*|\"|\))?(?:\s*(?:[:=→⇒➜]|[-=]>)|\.(?=\s*\(?[A-Z]\b)|\s+[-–—](?=\s))"
    ),
    (
        r"(?:^|\n)[ \t>*#-]*(?:(?:selected|chosen|final|correct)\s)?(?:choice|option|selected"
        r"|selection|select\soption|output|response|prediction|predicted|key|pick|label|reply"
        r"|correct|richtig|correcto|final|result|solution|conclusion|verdict|decision|also|donc)\s*:"
    ),
    r"\banswer\sto\sbe\b|\bans\)|\banswers?\b(?:\sto\sthis(?:\squestion)?)?\s(?:is|was|are)n['’]t\b",
    (
        r"\b(?:chang|switch|revis|updat|correct|amend|alter|settl)(?:es?|ed|ing)?\s(?:my|the|our|its|his|her)\s(?:\w+\s)?"
        r"(?:answer|choice|response|selection|mind)(?:\sfrom\s\S{1,12})?\sto\b"
    ),
    r"(?:^|\n)[ \t]*[#*]+[ \t]*(?:(?:final|correct)\s)?answer[ \t]*[*:]*[ \t]*(?=\n)",
    r"(?:^|\n)[ \t]*\#{3,4}(?=[ \t]*[(*]*[A-Za-z\d][)*]*[.:)]?)(?!\#)",
    (
        r"\b(?:I|we)(?:['’](?:d|ll)|\swould|\swill|\stherefore)?\s(?:choose|pick|select|go\swith|opt\sfor"
        r"|vote\sfor|settle\son)\b"
    ),
    r"\bthe\s(?:only\s)?(?:option|choice|one|answer|statement)\s(?:that|which)\b[^.\n:=?]{0,60}\sis\b",
    (
        r"\bthe\s(?:only\s(?:option|choice|one|answer)\s(?:left|remaining|that\s(?:remains|is\sleft))"
        r"|remaining\s(?:option|choice|one|answer|possibility|candidate))\s(?:is|must\sbe)\b"
    ),
    r"(?:^|\n)[ \t]*A:(?=[ \t]*\(?[A-J]\)?\.?[ \t]*(?:\n|$))",
    r"\[answer\]|(?<!\\)\bboxed\{(?=[^{}]{1,80}\})",
    r"\[\[",
    r"<final>|<(?:final_?\s?)?(?:answer|choice|option|letter|selection|solution|conclusion)>",
    (
        r"[\"'](?:final_?|correct_?|selected_?)?(?:answer|option|choice|letter|prediction|result|output|response)"
        r"(?:_?(?:choice|letter|option))?[\"']\s*:\s*\[?"
    ),
    # German, French
    (
        rf"\b(?:antwort|lösung|(?:richtige|korrekte|beste)\s(?:option|wahl))\b{_GAP}"
        r"(?:\b(?:ist|lautet|wäre)\b|[:=]|\s[-–—](?=\s))(?:\s(?:also|daher|somit|damit))*"
    ),
    r"\bist\s(?:also\s|daher\s|somit\s)?die\s(?:richtige|korrekte)\s(?:antwort|option)\b|(?<!nicht\s)\b(?:richtig|korrekt)\sist\b(?:\s(?:also|daher|somit))*|\bich\swähle\b",
    (
        r"\bist\s(?:also\s|daher\s|somit\s|nur\s)?(?:die\s)?(?=(?:option|antwort|aussage|möglichkeit)\s\(?\w\)?\s"
        r"(?:die\s)?(?:richtig|korrekt|zutreffend))"
    ),
    (
        r"\b(?:es|è|é|está|est)\s(?:correcta|corretta|esatta|correta|certa|correcte)\s"
        r"(?=(?:la\s|l['’]|a\s)?(?:opción|respuesta|alternativa|opzione|risposta|opção|resposta|option|réponse)\s)"
    ),
    (
        rf"\b(?:réponse|reponse|(?:bonne|meilleure)\soption)\b{_GAP}(?:\best\b|[:=]|\s[-–—](?=\s))"
        r"(?:\s(?:donc|alors))*|\bje\schoisis\b"
    ),
    # Spanish, Italian, Portuguese
    (
        rf"\b(?:respuesta|(?:opción|opcion|alternativa)\scorrecta)\b{_GAP}(?:\b(?:es|sería)\b|[:=])"
        r"|\belijo\b"
    ),
    (
        rf"\b(?:risposta|(?:opzione|alternativa)\s(?:corretta|giusta))\b{_GAP}(?:\sè\b|[:=])(?:\s(?:quindi|dunque))*"
        r"|\bscelgo\b"
    ),
    (
        rf"\b(?:resposta|gabarito|(?:opção|alternativa)\s(?:correta|certa))\b{_GAP}(?:\sé\b|[:=])"
        r"(?:\s(?:portanto|então))*|(?:^|\n)[ \t*]*(?:alternativa|letra)\b:?|\bescolho\b"
    ),
    # Russian, Chinese, Japanese, Korean, Arabic
    (
        rf"\b(?:ответ(?:ом)?|(?:правильный|верный)\sвариант)\b{_GAP}(?:\b(?:является|будет)\b|[:=]"
        r"|\s?[-–—](?=\s)|под\sбуквой)(?:\s(?:это|вариант|под\sбуквой)(?=\s))*"
        r"|\b(?:правильным|верным)\s(?:является|будет)\b(?:\s(?:ответ|вариант))?|\bвыбираю\b"
    ),
    r"(?:答案|正确的?选项|正確的?選項|【答案】)[\s*]*(?:应该?|應該?)?\s*(?:是|为|為|选择?(?!项)|選擇?(?!項)|[:】])+",
    r"(?:^|\n|[。;\s])答\s?:|\bich\swürde\s(?=\(?[A-Z]\)?\swählen)",
    r"(?<![不未没])(?:选择?|選擇?)(?![择擇项項题題])\s*:?",
    r"(?:答え|正解|解答|回答|正答|(?:正しい|適切な)選択肢)\s*(?:は|:|が)",
    r"(?:정답|답변|답안|답|(?:올바른|맞는)\s(?:선택지|보기|옵션))\s*(?:은|는|:)",
    # Dutch, Swedish, Danish, Polish, Czech, Romanian, Hungarian, Turkish, Indonesian, Vietnamese,
    # Greek, Ukrainian, Hindi, Bengali, Thai
    (
        r"\b(?:antwoord|svar(?:et)?|odpowied[źz](?:ią)?|odpověď|răspuns(?:ul)?|válasz|cevap|yanıt|jawaban(?:nya)?"
        rf"|đáp\sán|απάντηση|відповідь)\b{_GAP}(?:\b(?:is|är|er|to|jest|je|este|adalah|là|είναι)\b|[:=]|\s[-–—](?=\s))"
        r"(?:\s(?:dus|alltså|derfor|därför|więc|zatem|tedy|deci|tehát|jadi|vậy|λοιπόν|отже)\b)?"
    ),
    r"ตอบ\s(?:ข้อ\s?)?(?=[A-Z](?:\W|$))|(?:विकल्प|گزینه)\s?:\s?",
    (
        r"(?:उत्तर|উত্তর|جواب|پاسخ\sصحیح)(?:\s(?:विकल्प|বিকল্প|گزینه))?(?=\s\(?[A-Z]\)?(?:\s|$|[।.,]))"
        r"|\b(?:cevap|doğru\sseçenek)\s(?=[A-Z](?:['’]|\s(?:şık|seçene)))|\bválasz\sa\s(?=\(?[A-Z]\)?(?:\W|$))"
        r"|(?:^|[\n.!,]\s?)(?:vậy\s)?chọn\s(?:đáp\sán\s)?(?=\(?[A-Z]\)?(?:\W|$))"
        r"|\b(?:câu\strả\slời|lựa\schọn|phương\sán)\s(?:\w+\s){0,2}là\b"
    ),
    r"(?:उत्तर|উত্তর|ค(?:ำ|ํา)ตอบ)[^.\n:=?।]{0,20}?\s?(?:है|คือ|হল|হলো|হচ্ছে|:)",
    # Swahili, Malay, Filipino, Afrikaans, Catalan, Finnish, Estonian, Croatian and Serbian,
    # Slovenian, Slovak, Bulgarian, Lithuanian, Latvian, Yoruba, Igbo, Hausa, Zulu, Somali
    (
        r"\b(?:jibu|jawapan(?:nya)?|sagot|antwoord|resposta|vastaus|vastus|odgovor|одговор|отговор(?:ът)?|odpoveď|atsakymas"
        rf"|atbilde|ìdáhùn|idahun|azịza|amsa|impendulo|jawaabta)\b{_GAP}"
        r"(?:\b(?:ni|ialah|adalah|ay|is|és|on|je|je\sto|yra|ir|ni\s|bụ|ce|ngu|waa)\b|е(?=\s)|[:=])"
    ),
    # Urdu, Persian, Hebrew, Marathi, Gujarati, Punjabi, Tamil, Telugu, Kannada, Malayalam, Nepali
    r"(?:جواب|پاسخ|תשובה)[^.\n:=?]{0,20}?\s?(?:ہے|است|היא|הוא|:)",
    (
        r"(?:विकल्प|उत्तर|জবাব|বিকল্প|જવાબ|ਜਵਾਬ|ਉੱਤਰ|பதில்|விடை|సమాధానం|జవాబు|ಉತ್ತರ|ഉത്തരം|පිළිතුර|ചോയ്സ്)"
        r"[^.\n:=?।]{0,20}?\s?(?::|है|आहे|છે|ਹੈ)"
        r"|(?:பதில்|விடை|సమాధానం|ಉತ್ತರ|ഉത്തരം|જવાબ|उत्तर)\s(?=\(?[A-Z][).]\s)"
    ),
    r"(?:الإجابة|الاجابة|الجواب|الخيار|الحل)(?:\s\S+){0,2}?\s*(?:هي|هو|:)",
)
# Words behind a label: what only an answer is called, and what several options may be called.
_IS = r"(?:is|must\sbe|would\sbe|should\sbe|has\sto\sbe|seems\sto\sbe|appears\sto\sbe)"
STRONG = (
    (
        rf"\s{_IS}(?:\s\w+ly)?\s(?:therefore\s|thus\s|then\s)?(?:the|our|my)\s(?:\w+ly\s|single\s|only\s|most\s)*"
        r"(?:correct|right|best|proper|final|accurate|appropriate|suitable)\s(?:\w+\s)?"
        r"(?:answer|option|choice|one)"
    ),
    rf"\s{_IS}\s(?:the|our|my)\s(?:answer|choice)\b",
    rf"\s{_IS}\sthe\s(?:only|better)\s(?:option|choice|answer|one)\b",
    rf"\s{_IS}\sthe\sonly\s(?:correct|sensible|possible|valid|reasonable|plausible|logical|remaining)\b",
    r"\sist\s(?:also\s|daher\s|somit\s)?die\s(?:richtige|korrekte|beste)\s(?:antwort|option|wahl|lösung)",
    r"\sest\s(?:donc\s)?la\s(?:bonne|meilleure)\s(?:réponse|option)|\sest\s(?:donc\s)?la\sréponse\scorrecte",
    r"\ses\sla\s(?:respuesta|opción|alternativa)\scorrecta|\sè\sla\srisposta\s(?:corretta|giusta|esatta)",
    r"\sé\sa\s(?:resposta|opção|alternativa)\s(?:correta|certa)",
    (
        r"\s(?:die\s(?:richtige|korrekte)\s(?:antwort|option)|la\sbonne\sréponse|la\srespuesta\scorrecta"
        r"|la\srisposta\scorretta|a\sresposta\scorreta)"
    ),  # ist B die …
    r"\s?[-–—]\s?(?:это\s)?(?:правильный|верный)\s(?:ответ|вариант)",
    r"\s?(?:选项|選項|项|項)?\s?(?:是|为|為)\s?(?:正确|正確)(?:的)?(?:答案|选项|選項)",
    r"\s?が(?:正解|正答|答え)",
    r"\s?번?\s?[이가]\s(?:정답|올바른\s답|맞는\s답)",
    r"\s(?:هو|هي)\s(?:الإجابة|الجواب|الخيار)\s(?:الصحيحة|الصحيح)",
)
WEAK = (
    (
        rf"\s{_IS}\s(?:therefore\s|thus\s|clearly\s|indeed\s|the\s|also\s|\w+ly\s)*(?:correct|right|best"
        r"|closest|nearest|true(?=[^\n]{0,20}\b(?:others?|rest)\b)|most\s(?:natural|fitting|consistent|sensible|probable|accurate|appropriate|likely|plausible|reasonable|suitable|logical))\b"
    ),
    r"\s(?:best|correctly|most\saccurately)\s(?:\w+s)\b|\s(?:\w+s\s){1,3}(?:[\w']+\s){0,4}best(?=[.!\n]|$)|\s(?:fits|works|matches)\sbest\b|\smakes\sthe\smost\ssense\b|\smust\sbe\strue\b",
    r"\s?[-–—:(]\s?(?:this\sis\s)?(?:the\s)?(?:correct|right)\b|\s?[✓✔✅]|\sit\sis(?=[.!\n]|$)",
    r"\s(?:ist\s(?:also\s|daher\s|somit\s)?)?(?:richtig|korrekt|zutreffend)",
    r"\sest\s(?:donc\s)?(?:la\s)?(?:correcte?|bonne|juste|exacte)",
    r"\ses\s(?:la\s)?correcta|\sè\s(?:la\s|quella\s)?(?:corretta|giusta|esatta)",
    r"\s(?:é|está)\s(?:a\s)?(?:correta|certa)",
    r"\s(?:является\s)?(?:верен|верный|верным|правильный|правильным|правилен)",
    r"\s?(?:选项|選項|项|項)?\s?(?:是|为|為)?\s?(?:正确|正確|对的)",
    r"\s?が(?:正しい|適切)",
    r"\s?번?\s?[이가]\s(?:맞|옳)",
    r"\s(?:درست|صحیح)\s(?:است|می‌باشد)",
    r"\s(?:(?:هو|هي)\s)?(?:الصحيحة|الصحيح|صحيحة|صحيح)",
)
# What may lead to an option that is not yet the answer.
LEADS = re.compile(
    r"""\b(?:correspond(?:s|ing)?\sto|match(?:es|ing)?|(?:this|that|which|it)\sis|i\.e\.,?|namely)\s+
        (?=(?:option|choice|answer|letter)\s)
      | \b(?:c['’]est|es|è|é|(?<!richtig\s)(?<!korrekt\s)ist)\s
        (?:(?:donc|alors|bien|por\stanto|pues|quindi|dunque|portanto|então|also|daher|somit|demnach)\s)?
        (?:la\s|l['’]|a\s|die\s)?
        (?=(?:réponse|option|opción|respuesta|opzione|risposta|alternativa|letra|opção|antwort)\s)
      | \bbut\s(?:it(?:['’]s|\sis)|the\s\w+\sis)\s(?:(?:actually|really|in\sfact)\s)?
      | ,\s(?:but(?!\s(?:it|the)\b)(?:\srather)?|а|(?:es|è|c['’]est)(?:\sla)?|é(?:\sa)?)\s
      | ,?\s(?:sondern|(?:sino(?:\sque\ses)?|ma|mais)(?:\sla)?|mas(?:\sa)?)\s
      | ,?而是\s? | ではなく(?:て)?、?\s? | 아니라\s
      | (?:^|\n|[.!]\s)(?:the|this)\s(?:\w+\s){1,4}supports\s(?=(?:option|choice|answer)\s)
      | (?:^|\n|[.!]\s)(?:most\slikely|probably|definitely|certainly|surely|clearly
        |obviously)[,:]?\s
      | \bthe\s(?:most\s\w+|best|closest|nearest|correct|right)\b[^.\n:=?,]{0,60}?\s(?:is|would\sbe)
        (?:\sto|\sthat)?(?:\s(?:s?he|it|they))?\s*:?\s(?!an?\b)
      | \b(?:closest|nearest)\sto\s
      | \b(?:completed|answered|described|explained|represented|captured|expressed)\sby\s
      | \bby\s(?:process\sof\s)?elimination[,:]?\s
      | \b(?:left\swith|leaves|leaving|going\swith|I(?:['’]d|\swould)\ssay)\b
      | (?:^|\n|[.!]\s)[ \t>*\#-]*(?:choose|select|pick)\s
        (?=(?:option|choice|answer|letter)\s|\([A-Z]\)|\*)
      | \bon\s(?:reflection|second\sthought)[,:]\s
      | (?:\banswer|(?:^|[.!]\s|\n)[ \t>*\#-]*
        (?:(?:donc|ainsi|also|daher|somit|quindi|dunque|portanto|por\s(?:lo\s)?tanto|jadi|vậy|итак|значит),?\s(?:l?[ae]\s|die\s)?)?
        (?:antwort|réponse|respuesta|risposta|resposta|ответ
        |odpowied[źz]|cevap|jawaban|đáp\sán|svar|odgovor|vastaus))\s(?=\(?[A-Z\d]\)?\W{0,3}(?:\n|$))
      | (?:^|\n|[.!,]\s)[*\s]*(?:therefore|thus|so|hence|consequently)[,:]?\s+
        (?:it(?:['’]s|\s(?:is|(?:must|should|has\sto)\sbe))\s+)?
      | (?:^|\n|[.!]\s)(?:(?:so|thus|therefore|hence),?\s)?the\s
        (?:(?:false|incorrect|untrue)\s(?:statement|one)|exception|odd\sone\sout)\sis:?\s
      | (?:^|[\n.;!,])[*\s]*it(?:['’]s|\sis|\s(?:must|should|has\sto)\sbe)\s+
      | \bI(?:\s(?:think|believe|guess|suspect|say)
        |['’]m\s(?!not\b)(?:\w+\s)?(?:sure|confident|certain))\s(?:that\s)?(?:it(?:['’]s|\sis)\s)?
    """,
    re.IGNORECASE | re.VERBOSE,
)
NOUN = (
    r"(?:option|choice|answer|letter|ending|sentence|statement|response|antwortmöglichkeit|antwort|réponse|opción|respuesta|alternativa|opzione|risposta"
    r"|opção|resposta|letra|вариант|ответ|选项|選項|選択肢|선택지|보기|옵션|الخيار|الإجابة|الجواب|گزینه)"
)
