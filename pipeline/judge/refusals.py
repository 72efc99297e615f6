"""Patterns that match LLM refusals in several languages."""

import re

_CANNOT = r"(?:can't|cannot|can not|couldn't|could not|won't|will not)"
_SORRY = r"(?:I'm|I am|We're|We are) (?:\w+ )?(?:sorry|afraid)"
_APOLOGY = rf"(?:{_SORRY}|[Ss]orry|I apologi[sz]e|(?:[Mm]y )?[Aa]pologies|Unfortunately)"
# Case-sensitive; otherwise the song `I Can't Explain` would be a refusal.
_REFUSALS = re.compile(
    "|".join(
        (
            # an apology closely followed by an inability, with no name in between (film titles begin with Sorry)
            rf"{_APOLOGY}\b(?:[^A-Z]|AI\b|(?<=[.!] )[A-Z]){{0,80}}?\b(?:I|we|We)\b.{{0,30}}?"
            rf"(?:\b{_CANNOT}|\bunable|\bnot able|(?:\bdo not|\bdon't) (?:have|know)|\bmust decline)\b",
            r"(?:I'm|I am) (?:\w+ )?sorry,? (?:but|I)\b",
            r"I apologi[sz]e,? but\b",
            # the speaker calls itself an AI
            r"As an? (?:\w+,? ){0,4}(?:AI(?:,| I\b| language| model| assistant| system)|artificial intelligence|"
            r"language model|chatbot)",
            r"As an? (?:helpful|responsible|respectful|ethical)[\w, ]{0,40} assistant\b",
            r"(?:I'm|I am) (?:just |only )?an? (?:AI|artificial intelligence|(?:large )?language model|text-based)\b",
            # tasks that the speaker cannot or will not do
            rf"I {_CANNOT} (?:\w+ly )?(?:help|assist|provide|identify|describe|generate|create|comply|fulfill?|answer|"
            r"discuss|offer|give|write|determine|view|see|access|recogni[sz]e|make|engage|produce|complete|respond|"
            r"share|find|process|explain (?:the|this|that|these|what|who|why|any)|tell you|do (?:that|this))\b",
            r"(?:I'm|I am) (?:\w+ )?(?:unable|not (?:able|comfortable|permitted|allowed|programmed))\b",
            r"I (?:do not|don't) (?:\w+ly )?(?:have|feel comfortable)\b",
            r"I (?:must|have to) (?:respectfully )?decline\b",
            # counter-questions
            r"(?:Sure[,!]? |Of course[,!]? )?[Pp]lease (?:provide|share|give)\b",
            r"I(?:'d| would) be happy to help\b",
            # German
            r"(?:Es )?[Tt]ut mir (?:sehr )?leid\b.{0,20}\bich\b",
            r"Als (?:eine? )?(?:KI\b|künstliche Intelligenz|(?:KI-)?Sprachmodell)",
            r"(?:Leider k|K)ann ich\b.{0,60}\b(?:nicht|keine[ns]?)\b",
            r"Ich kann (?:leider |dir |Ihnen |dazu |diese[nrs]? )*(?:nicht|keine[ns]?|Anfrage)\b",
            # French
            r"(?:Je suis )?[Dd]ésolée?,? (?:mais )?(?:je|en tant)\b",
            r"En tant qu(?:e |')(?:modèle|IA|intelligence artificielle|assistant)\b",
            r"Je ne (?:peux|suis) pas\b",
            # Spanish, Portuguese, Italian, Dutch
            r"Lo siento,? (?:pero )?(?:no|como|soy)\b",
            r"Como (?:um? |una |uma )?(?:modelo de (?:lenguaje|linguagem)|IA|intelig[eê]ncia artificial)\b",
            r"No puedo (?:ayudar|proporcionar|identificar|describir|generar|crear|cumplir|responder|ofrecer)",
            r"(?:Mi dispiace|Desculpe|Sinto muito),? (?:ma |mas )?(?:non|não|eu|come|como)\b",
            r"Het spijt me\b.{0,20}\bik\b",
            # Chinese, Japanese
            r"(?:很|非常)?(?:抱歉|对不起|對不起)[,，。 ]*(?:但是?)?(?:我|作为|作為|无法|無法)",  # noqa: RUF001
            r"作[为為](?:一[个個名])?.{0,6}(?:AI|人工智能|人工智慧|语言模型|語言模型)",
            r"我(?:无法|無法|不能)(?:提供|回答|描述|识别|識別|帮助|幫助|协助|生成|满足|完成)",
            r"申し訳(?:ありません|ございません)",
        )
    )
)


def is_refusal(text: str) -> bool:
    """Return True if the text begins like a refusal or a counter-question; phrases later in the text are ignored."""
    return _REFUSALS.match(text[:200].replace("\u2019", "'")) is not None
