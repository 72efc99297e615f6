"""Patterns of what stands before an explanation: preambles, repeated captions and labels, in many languages."""

# ruff: noqa: E501, RUF001
import re

_LABELS = (
    "explanation|answer|assistant|response|description|output|final answer|result|erklärung|antwort|beschreibung|"
    "explication|réponse|explicación|respuesta|descripción|explicação|resposta|spiegazione|risposta|uitleg|antwoord|"
    "förklaring|svar|forklaring|wyjaśnienie|objaśnienie|odpowiedź|vysvětlení|odpověď|selitys|vastaus|magyarázat|válasz|"
    "explicație|açıklama|cevap|penjelasan|jawaban|giải thích|trả lời|объяснение|пояснение|ответ|відповідь|εξήγηση|"
    "解释|解釋|说明|說明|説明|回答|答案|설명|답변|الشرح|الإجابة|הסבר|व्याख्या|उत्तर"
)
LABEL = re.compile(
    rf"\A[#*_]+[ ]*(?:{_LABELS})[ ]*[*_]*[ ]*\n\s*(?=\S)|\A(?:[#*_]+\s*)?(?:{_LABELS})\s*(?:[*_]+\s*[:：]|[:：]\s*[*_]*)\s*",
    re.IGNORECASE,
)
# "Caption: ..." before the answer: one line, or up to the label of the answer
ECHO = re.compile(
    rf"\A(?:[#*_]+\s*)?(?:caption|photo caption|bildunterschrift|légende|pie de foto)\s*(?:[*_]+\s*:|:\s*[*_]*)\s*"
    rf"(?:[^\n]*\n+(?=\s*\S)|(?:(?!\n).){{0,2000}}?\s(?=(?:[#*_]+)?(?:{_LABELS})\s*(?:[*_]+\s*[:：]|[:：])\s*[*_]*\s*\S))",
    re.IGNORECASE,
)
_ACKNOWLEDGES = (
    r"(?:sure(?: thing)?|(?:that's a )?(?:great|good|excellent) question|(?:i'd|i would|i'll|i will) be (?:happy|glad|delighted) to(?: help| assist)?(?: you)?(?: with (?:that|this))?(?=[!.])|happy to help|thank you(?: for \w+ \w+ \w+)?|thanks|hello(?: there)?|hi(?: there)?|certainly|of course|absolutely|gladly|okay|ok|alright|great|understood|no problem|"
    r"natürlich|gerne|klar|selbstverständlich|bien sûr|certainement|voici|claro|por supuesto|con gusto|desde luego|"
    r"certo|certamente|com certeza|natuurlijk|zeker|självklart|visst|självfallet|selvfølgelig|selvsagt|naturligvis|"
    r"oczywiście|jasne|samozřejmě|jistě|természetesen|tentu(?: saja)?|baik(?:lah)?|tất nhiên|dạ|vâng|tabii(?: ki)?|"
    r"elbette|конечно|разумеется|звичайно|φυσικά|当然(?:可以)?|當然|好的|もちろん(?:です)?|はい|承知しました|물론(?:입니다|이죠)?|네|بالتأكيد|"
    r"بالطبع|בהחלט|ज़रूर|बिल्कुल)"
)
_POINTS = (
    r"(?:here(?:'s|’s| is| are| you go| goes)|below(?: is| are)?|the following(?: is| are)?|hier (?:ist|sind)|"
    r"voici|aqu[ií] (?:tienes?|está|están|hay|va)|aqui (?:está|estão|vai)|ecco|hier (?:is|zijn|volgt)|här (?:är|kommer|följer)|"
    r"her (?:er|kommer|følger)|oto|zde je|tady je|tässä on|íme|itt van|berikut(?: ini)?(?: adalah)?|dưới đây là|sau đây là|đây là|"
    r"işte|вот|ось|ορίστε|以下是?|这是|這是|下面是|以下は|以下に|다음은|여기|إليك|فيما يلي|הנה|यहाँ|यह रहा)"
)
_THINGS = (
    r"(?:explanations?|descriptions?|breakdown|overview|summary|answer|response|json|list|details|information|identif\w+|"
    r"sentences?|entit\w+|caption|erklärung\w*|beschreibung\w*|explications?|explicaci\w+|descripci\w+|explicaç\w+|"
    r"descriç\w+|spiegazion\w+|descrizion\w+|uitleg|beschrijving\w*|förklaring\w*|beskrivning\w*|forklaring\w*|"
    r"beskrivelse\w*|wyjaśnieni\w*|opis\w*|vysvětlení|popis\w*|selity\w*|kuvau\w*|magyaráz\w*|leírás\w*|penjelasan|"
    r"deskripsi|giải thích|mô tả|açıklama\w*|объяснени\w*|описани\w*|поясненн\w*|опис\w*|εξήγηση|περιγραφή|"
    r"解释|解釋|说明|說明|描述|説明|설명|شرح|وصف|توضيح|הסבר|תיאור|व्याख्या|विवरण|phrases?|text)"
)
PREAMBLE = re.compile(
    rf"\A(?:{_ACKNOWLEDGES}\s*[!.,,，。！、]*\s*)?(?:{_POINTS})(?=[^\n:：]*{_THINGS})[^\n:：]{{0,240}}?"
    rf"(?:caption\s*[\"“][^\"”\n]{{0,400}}[\"”])?[^\n:：]{{0,60}}[:：](?=\s*\S)\s*[*_]*\s*"
    rf"|\A{_ACKNOWLEDGES}\s*[!,.,，。！][^\n:：]{{0,240}}[:：]\s*\n+(?=\s*\S)"
    rf"|\A{_ACKNOWLEDGES}\s*[!！]\s*(?=\S)"
    rf"|\A(?:{_ACKNOWLEDGES}\s*[!.,]\s*)?(?:let me|i(?:'ll| will|'d be happy to| can)) (?:explain|describe|identify|break down)\b[^\n:]{{0,240}}:\s*(?=\S)"
    rf"|\A(?:{_ACKNOWLEDGES}\s*[!.,，。！]\s*)?(?:{_POINTS})[^\n]{{0,160}}?{_THINGS}[^\n]{{0,160}}[.!。]\s*\n\s*\n\s*(?=\S)"
    rf"|\A{_ACKNOWLEDGES}\s*[!.,，。！]\s*(?:i'd|i'll|i can|i will|i would|let me|happy to)\b[^\n]{{0,240}}[.!:]\s*\n\s*\n\s*(?=\S)",
    re.IGNORECASE,
)
# In every text that cleaning might change, apart from white space and unprintable characters; quick to look for.
FORMATTED = re.compile(
    rf"[\n<◁{{\[`]|\A[\"“„«»「『#*_]|\A(?:{_LABELS}|caption|photo caption|bildunterschrift|légende|pie de foto)\s*[*_]*\s*[:：]|\A{_ACKNOWLEDGES}\b|\A{_POINTS}|\A(?:let me|I(?:'ll| will|'d| can))\b|\A\s*(?:assistant)?(?:analysis|commentary)",
    re.IGNORECASE,
)
