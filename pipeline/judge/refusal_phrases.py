"""Phrases with which LLMs decline, say that they do not know, ask back or evade, in many languages.

They are kinds of phrases, by voice: first person (I don't know), impersonal (there is no information, it is not known),
predicates (Name: unknown), apologies, questions to the user, and advice to look elsewhere.
"""

# ruff: noqa: E501, RUF001
import re

from entityclip.contract.words import word_set

_I = r"(?:\b[Ii]|\b[Ww]e|\b(?:[Tt]he|[Tt]his) (?:assistant|(?:AI |language |current )?model|system|AI|bot)|\b[Yy]our assistant)"
_ADVERB = r"(?:\s(?:\w+ly|also|just|still|really|do|myself|am|are|was|is|have|simply|currently|personally|so|therefore|cannot|sure|quite|rather|would))*"
_NOT = r"(?:can(?:'t|not| not)|could(?:n't| not)|do(?:n't| not)|does(?:n't| not)|did(?:n't| not)|won't|will not|would(?:n't| not)|have(?:n't| not)|has(?:n't| not)|am not|'m not|is not|isn't|are not|aren't|'re not|was(?:n't| not)|were(?:n't| not)|should(?:n't| not)|may not|might not|shall not|must not)"
_INFORMATION = (
    r"(?:information|info|data|details?|records?|evidence|mentions?|references?|knowledge|results?|documentation|sources?|"
    r"biograph\w+|named entit(?:y|ies)|entit(?:y|ies)|context|match(?:es)?|idea|clue|trace|facts?|entry|entries|answers?|"
    r"familiarity|awareness|recollection|memory|way (?:of|to)|means (?:of|to)|explanation|description|indication|background|"
    r"consensus|listing|hits?|one by that name|(?:\w+ )?(?:person|figure|individual|place|people) (?:of|by|with|called|named|known))"
)
_KNOWN = (
    r"(?:identif(?:y|ied|iable)|determin\w+|establish\w*|verif\w+|confirm\w*|found|recogni[sz]\w+|ascertain\w*|known?|explain\w*|"
    r"describ\w+|provid\w+|specif\w+|disclos\w+|given|available|possible|documented|familiar|recorded|recogni[sz]able|"
    r"sure|certain|clear|aware|able|notable|widely|well[- ]known|publicly|in my|listed|covered|discernible|traced?|resolved?|"
    r"(?:a |any )?(?:widely |well[- ]|generally |publicly )?(?:known|public|famous|notable|recognized|recognised|recognizable|documented|real)\b)"
)
# English: case-sensitive, since titles of films and songs have capitals.
DECLINES = re.compile(
    "|".join(
        (
            # first person, and the assistant in the third
            rf"{_I}(?:'m|'ve|'d)?{_ADVERB}\s?(?:{_NOT}|not\b|(?:has|have|had|possess) (?:no\b|never|little|limited|insufficient|nothing|zero)|(?:am |is |are |'m |was |were )?(?:unable|unsure|uncertain|unfamiliar|unaware|incapable|afraid|at a loss)\b|lacks?\b|know (?:nothing|of no|too little|little)|(?:must|have to|need to|will|would|'ll|'d)?\s?(?:\w+ly )?(?:decline|refuse|refrain|abstain|pass on)|(?:find|found|see) (?:no|nothing)|(?:can|could) (?:only guess|find no|find nothing|neither|offer no|give no|tell you nothing|say nothing|only speculate)|would rather not|(?:'d )?rather not|prefer not|fail(?:ed)? to|stopped knowing|recogni[sz]e (?:none|neither|no)|(?:never|hardly|barely) )",
            r"\b[Ii]'m (?:\w+ )?(?:sorry|afraid)\b",
            r"\bI (?:\w+ )?apologi[sz]e\b",
            # nothing known, no information
            rf"(?:\b[Tt]here(?:'s| is| are| was| were| isn't| aren't| appears? to be| seems? to be| does not (?:appear|seem) to be| doesn't (?:appear|seem) to be)|\b(?:has|have|had|found|finds?|with|contains?|provides?|offers?|gives?|includes?|returned|yields?|lists?|holds?|shows?)(?= (?:\w+ ){{0,2}}?(?:no|not|in|limited|little|nothing|too|zero|scant|hardly)\w*\b)) (?:\w+ ){{0,2}}?(?:no|not enough|enough|much|sufficient|insufficient|limited|little|nothing|any|not sufficient|too little|zero|not any|scant|hardly any)\b(?: [\w-]+){{0,4}}? (?:{_INFORMATION}|known|(?:that )?I\b|to go on|to say|about)",
            rf"(?:^|[:\-–—*]\s*)(?:\W*)(?:[Nn]o|NO|[Nn]ot enough|[Ii]nsufficient|[Ll]imited|[Nn]ot sufficient|[Ll]ack of|[Zz]ero)(?: [\w-]+){{0,4}}? {_INFORMATION}\b",
            r"\bno (?:[\w-]+ ){0,3}?(?:information|info|data|details|record|records|knowledge|documentation|biographical \w+)\b(?: [\w-]+){0,3}? (?:available|found|exists?|on|about|regarding|of|concerning|for|known)",
            r"\b[Nn]othing (?:else )?(?:much )?(?:(?:is|was|are|can be|could be|has been|seems to be|reliable) (?:[\w-]+ )?(?:known|found|said|recorded|documented|available|established|told)|(?:that )?(?:I|we) \w+|in (?:it|my)\b|comes to mind|about)",
            r"\b(?:[Nn]obody|[Nn]o one) (?:\w+ )?(?:knows|can (?:say|tell))",
            r"\bno (?:[\w-]+ ){0,4}(?:by|of|with) (?:that|this|the given|such a) name\b",
            # impersonal
            rf"\b(?:[Cc]annot|can't|can not|[Cc]ould not|couldn't|could n't|is not|isn't|are not|aren't|was not|wasn't|were not|weren't|has not been|have not been|hasn't been|haven't been|not be|never been|does not|doesn't|do not|don't|did not)(?: be| been| have been| seem to be| appear to be| seem| appear| have)? (?:[\w-]+ly )?(?:an? |any )?{_KNOWN}",
            r"\b[Nn]ot (?:\w+ly )?(?:enough|sufficient|an? (?:widely |well[- ]|publicly |generally )?(?:known|public|recogni[sz]ed|famous|notable)|known|identified|identifiable|available|familiar|found|specified|provided|publicly|sure|certain|applicable|possible to|recogni[sz]ed|recogni[sz]able|clear who|clear what|documented|given|disclosed|listed|stated|mentioned anywhere|in my)\b",
            r"\b(?:is|it's|it is|was|seems|remains|be|quite|very|too|somewhat) (?:\w+ )?(?:difficult|hard|impossible|tricky|unclear|uncertain|challenging|not possible|not easy|tough|unknown|unsafe|anyone's guess) (?:for me |for us |for anyone )?(?:to|who|what|whether|which|if|where)\b",
            r"^(?:\w+ )?(?:[Dd]ifficult|[Hh]ard|[Ii]mpossible|[Uu]nclear|[Uu]ncertain|[Uu]nsure) (?:to|who|what|which)\b",
            r"\b(?:do|does)(?:n't| not) (?:\w+ly )?(?:correspond|match|appear|ring|exist|refer to any|seem|mean anything|contain|have|include|provide|give|specify|mention|identify|say|tell|clarify|indicate|state|allow|fall within)\b",
            r"\b(?:beyond|outside|not within|exceeds?|after|past|later than|not (?:part|in|covered)(?: of| by)?) (?:of )?(?:the scope of )?(?:my|the model's|this model's) (?:knowledge|training|scope|capabilit\w+|abilit\w+|expertise|database|dataset|cut-?off)",
            r"\b(?:my|the model's|model's) (?:knowledge|training|training data|data|database|information|sources)(?: base| cut-?off| data)? (?:\w+ )*?(?:ends?|end(?:s|ed)|stops?|does|do(?:es)?n't|is|are|was|has|holds?|contains?|only|lacks?|may be)\b",
            r"(?<!\b[Hh]e )(?<!\b[Ss]he )(?<!\bwho )(?<!\b[Tt]hey )(?<!\b[Ii]t )(?<!\bthat )(?<!\b[Hh]e is )(?<!\b[Hh]e was )(?<!\b[Ss]he was )(?<!\bwho was )(?<!\b[Tt]hey were )\b(?:[Uu]nable|[Ff]ailed|[Nn]ot able|[Cc]annot|[Cc]an't|[Cc]ould not|[Cc]ouldn't|[Uu]nwilling|[Ww]on't|[Dd]on't|[Dd]id not|[Dd]idn't|[Dd]o not) (?:to )?(?:\w+ly )?(?:be )?(?:answer|identif\w+|determine|provide|find|found|recogni[sz]e|describe|explain (?:who|what|the|this|that|these|any|it)|verify|locate|confirm|process|assist|help|comply|know|generate|offer|fulfil+|tell|say|discuss|share|access|retrieve|complete|respond|give|ascertain|trace|look up|recall|be sure|have)\b",
            r"\b(?:[Ww]ithout|[Ll]acking|[Nn]eeds?|[Rr]equires?|[Nn]eed|would need|[Gg]iven the lack of) (?:any |some |a bit |the |much )?(?:more|further|additional|other|extra|necessary|proper|lack of) (?:context|information|details?|background|data)\b",
            r"\bwould need (?:to know|to see)\b",
            r"\b(?:is|are|remains?|was|were|seems?|appears?|stays?)(?: \w+ly| still| to be| both| all)* (?:unknown|unidentified|unclear|unavailable|undetermined|unconfirmed|unfamiliar|a mystery to|unverified|undocumented|obscure|new to me|foreign to me)\b(?! (?:soldier|warrior))",
            r"\b(?:no clue|no idea|not a clue|beats me|got me there|ring(?:s)? (?:a|no|any) bell|stumped|drawing a blank|draw a blank|your guess|never heard|haven't heard|heard of)\b",
            r"\bnot (?:an?|the|any) (?:\w+ )?(?:names?|person|people|figure|individual|one|entity|place|event|thing)s? (?:that |which |whom |who )?(?:I|is|are|can)\b|\bnot (?:something|someone|somebody|anyone|anything|names?|people|places) (?:that |which |who |whom )?(?:I|can|is)\b",
            r"\b(?:would be|is|be) (?:irresponsible|inappropriate|unethical|unwise|wrong|unfair|misleading|improper|speculati\w+|against)\b",
            r"\b[Nn]either\b.*\b(?:familiar|known|know|recogni[sz]e|identif|information|documented|public)",
            r"\b[Nn]one of (?:the|these|those|them)\b.*\b(?:known|familiar|recogni[sz]|identif|appear|match|is|are|ring)",
            # policies
            r"\b(?:not be|n't be|isn't|is not|be|would be|not) (?:appropriate|right|ethical|comfortable|responsible|permitted|allowed|proper|fair|in line|acceptable) (?:for me |of me |to |with )",
            r"\b(?:against|violates?|violating|breach(?:es)?|goes against|in violation of) (?:\w+ ){0,3}(?:polic(?:y|ies)|guidelines?|principles|privacy|rules|terms)",
            # the speaker calls itself an AI
            r"\b(?:[Aa]s|[Bb]eing) an? (?:[\w-]+,? ){0,4}(?:AI(?:,| I\b| [Ll]anguage| [Mm]odel| [Aa]ssistant| system| chatbot|$)|artificial intelligence(?:,| I\b| language| model| assistant|$)|language model|chatbot|text-based (?:model|AI|assistant)|large language model|virtual assistant)",
            r"\b[Aa]s an? (?:helpful|responsible|respectful|ethical)[\w, ]{0,40} assistant\b",
            r"\b(?:I'm|I am) (?:just |only |merely |simply )?an? (?:AI|artificial intelligence|(?:large |text-based )?language model|text-based|computer program|machine)\b",
            # idioms
            r"\bguess is as good\b|\b[Nn]o bells\b|\bon my radar\b|\b(?:come|comes|came|coming) up (?:empty|blank|short)\b|\bcould be (?:anyone|anybody|just about any\w*|any number of|almost any\w*)\b|\b(?:is|are) (?:something|a thing|a task) (?:that )?(?:I|we) (?:avoid|decline|refuse|refrain|never|steer)\b|\b(?:[Ii]sn't|[Ii]s not|[Nn]ot|wasn't) my (?:place|role|job|business)\b|\b[Ll]et's (?:talk about|discuss|change|move on|switch)\b|\b(?:talk about|discuss) (?:something|anything) (?:else|different|other)\b|\b[Ss]earch results?: (?:0|none|no|zero)\b",
            r"\b[Nn]o (?:\w+ ){0,3}?(?:article|page|entry|profile|biography|listing|website|photograph|hits?) (?:\w+ ){0,2}?(?:exists?|found|available|could be)\b|\b(?:[Ll]ittle|[Nn]ot much|[Hh]ardly anything|[Vv]ery little|[Nn]ext to nothing) (?:\w+ )?(?:is|was|has been|can be) (?:\w+ )?(?:known|said|documented|recorded|published|found)\b|\b(?:remains?|is|are|stays?) (?:\w+ )?an? (?:complete |total )?(?:mystery|enigma|puzzle|stranger) ?(?:to me|to us)?\W*$|\b(?:one|we) would (?:need|have) to (?:see|know|look|have|view|check)\b|\b(?:[Cc]annot|[Cc]an't|[Cc]ould not|[Cc]ouldn't) be (?:\w+ly )?(?:determin|identif|establish|verif|confirm|trac|found|named|described|explained|given|said)\w*",
            r"^\W*ERROR\b|\b(?:entity|entry|page|person|record|match|name|article) not found\b|\b[Nn]ot found\b",
            r"\b[Nn]o (?:named )?(?:entities|entity|names?|results?|data|answer|match(?:es)?|comment|explanation|description|context|image|photo|picture|information|info|details?)(?: \w+){0,2}\W*$",
            r"\b(?:contains?|has|have|includes?|mentions?|there are|there is|there's) no(?:thing)?\b(?: \w+){0,3} (?:named|names?|entit\w+|identif\w+|recogni[sz]\w+|well|specific)",
        )
    )
)
# Predicates and whole answers: a declining clause if it says nothing else.
UNKNOWN = re.compile(
    r"\b(?:unknown|unidentified|n/a|n\.a\.|not applicable|none|unclear|undetermined|unavailable|unspecified|no data|not known|tbd|null|nil|unbekannte?[rns]?|keine angaben?|k\. ?a\.|"
    r"inconnue?s?|desconocid[oa]s?|desconhecid[oa]s?|sconosciut[oaie]|ignot[oa]|onbekende?|okända?|okänt|ukjente?|ukendte?|tuntematon|tuntemattomia|"
    r"nieznan[yaei]|brak(?: danych| informacji)?|neznám[ýáéí]|neznámo|ismeretlen(?:ek)?|necunoscut[ăe]?|nepoznat[oiae]?|neznan[oia]?|bilinmiyor|bilinmeyen|tidak diketahui|"
    r"không rõ|không xác định|chưa rõ|desconegut|neznano|teadmata|nezināms|nežinoma(?:s)?|haijulikani|hindi alam|tiada maklumat)\b|"
    r"\b(?:неизвест(?:но|ен|на|ны|ный|ная|ное|ные)|нет данных|невідом(?:о|ий|а|е|і)|неизвестен|непознат\w*|няма данни|άγνωστ\w+)|"
    r"غير معروف[ةين]*|مجهول[ةين]*|غير متوفر|لا يوجد|अज्ञात|नामालूम|অজানা|نامعلوم|ناشناس|ناشناخته|לא ידוע(?:ה|ים)?|לא מוכר|ไม่ทราบ|ไม่รู้จัก|ไม่มีข้อมูล|未知|不明|不详|不詳|不清楚|알 수 없음|알려지지 않음|미상|불명|모름|無記載|无",
    re.IGNORECASE,
)
# Other languages. Case-insensitive: these phrases are longer, and the caption's own words are left out.
DECLINES_ELSEWHERE = re.compile(
    "|".join(
        (
            # German
            r"\b(?:es )?tut mir (?:\w+ )?leid\b|\bich (?:\w+ ){0,6}?(?:nicht|keine?[nrsm]?\b|nichts|leider)|\b(?:kann|konnte|könnte|darf|weiß|kenne|habe|finde) ich\b.{0,90}?\b(?:nicht|keine?[nrsm]?|nichts)\b|\b(?:liegen|liegt|gibt es|sind|habe ich|finden sich|existieren)\b.{0,60}?\b(?:keine|nicht genügend|kaum) (?:\w+ ){0,3}?(?:informationen|angaben|daten|hinweise|quellen|einträge|erkenntnisse|belege)|\bkeine (?:\w+ ){0,2}(?:informationen|angaben|daten|hinweise|erkenntnisse|auskunft)\b|\b(?:ist|sind|wurde|war|bleibt) (?:mir |\w+ ){0,5}?(?:nicht|un)[ -]?(?:bekannt|bekannte|möglich|klar|ersichtlich|geläufig|identifizierbar|bestimmbar)\b|\bnichts (?:\w+ ){0,2}?(?:bekannt|sagen|finden)|\b(?:lässt|lassen) sich\b.{0,60}?\b(?:nicht|schwer|kaum)\b|\bals (?:eine? )?(?:ki\b|künstliche intelligenz|(?:ki-)?sprachmodell)|\bunbekannt\b|\bmir (?:ist|sind|sagt|sagen|liegt|liegen|fehlt|fehlen)\b|\bkeine? (?:person|persönlichkeit|ort|eintrag)\w* (?:namens|mit|dieses)\b|\bkeine ahnung\b|\bnicht (?:ermitteln|identifizieren|feststellen|bestimmen|sagen|bekannt|beantworten|möglich)|\bschwer zu sagen|\bsagt mir (?:leider )?nichts|\bentschuldig\w+",
            # French
            r"\bje (?:suis |\w+ )?(?:désolée?|navrée?)\b|\bdésolée?\b|\bje (?:ne|n'|regrette|m'excuse|suis dans l'impossibilité|manque|crains)\b|\b(?:il )?(?:n'y a|n'existe|n'est|n'a|n'ont|ne (?:peut|peuvent|semble|semblent|figure|correspond|dispose|permet|trouve|sais|sait|connais|connaît|possède))\b.{0,60}?\b(?:pas|aucune?|rien|jamais)\b|\baucune? (?:\w+ ){0,2}?(?:information|donnée|renseignement|détail|source|trace|résultat|mention|entité|personne)s?\b|\bimpossible (?:de|d'|pour)\b|\b(?:est|reste|sont|demeure) (?:\w+ )?(?:inconnue?s?|indéterminée?s?)\b|\bon (?:ne|n'|ignore)\b|\bj'ignore\b|\ben tant qu(?:e |')(?:modèle|ia|intelligence artificielle|assistant)\b|\bpas (?:assez|suffisamment|en mesure|connue?|d'information|de données|d'infos?)\b|\bdifficile (?:de|à) (?:dire|savoir|déterminer|identifier)|\b(?:n'est|ne sont) pas (?:possible|connu|clair|identifi)",
            # Spanish
            r"\blo siento\b|\blo lamento\b|\blamento\b(?= (?:no|informar|decir|mucho))|\b(?:perdón|disculp[ae])\b|\bno (?:me |se |lo |la |le |les |los |las |te |nos |he |ha |han |hay |existe[n]? |es |está |están |estoy |tengo |dispongo |puedo |cuento |sé|conozco|encuentro|encontré|poseo|consta|podría|pude|hemos|fue|soy|reconozco|logro|quiero|quedan?|aparecen?|figuran?|disponemos|sabemos|dispone)(?:.{0,40}?(?:informaci[óo]n|datos|detalles|registros?|saber|sabe|conoc\w*|posible|capaz|puedo|puede[n]?|identific\w*|encontr\w*|hallad\w*|ayudar\w*|proporcion\w*|describ\w*|segur[oa]|quién|qué|clar[oa]|disponible|suficiente|contexto|constancia|acceso|familiar|referencias?|públic\w+|[a-z]+irl[aeo]s?|[a-z]+arl[aeo]s?)|\b)|\b(?:es|resulta) (?:imposible|difícil) (?:saber|decir|determinar|identificar|de)|\b(?:se desconoce|desconozco|ignoro|se ignora)\b|\bcomo (?:un |una )?(?:modelo de lenguaje|ia\b|inteligencia artificial|asistente)|\bsin (?:información|datos|más contexto)\b|\bninguna? (?:información|dato|persona|referencia)",
            # Portuguese
            r"\b(?:desculpe|desculpa|sinto muito|lamento|infelizmente|peço desculpas?)\b|\bnão (?:tenho|há|existe[m]?|posso|sei|conheço|consigo|encontrei|foi|foram|é|possuo|disponho|se sabe|reconheço|estou|consta|constam|pude|está|estão|tem|fui|se|sou|me|fornece)\b(?:.{0,50}?(?:informaç\w+|dados|detalhes|saber|conhec\w*|possível|capaz|identific\w*|encontr\w*|ajudar|fornec\w*|descrev\w*|certeza|quem|clar[oa]|disponíve\w+|suficiente\w*|contexto|registr\w*|familiar\w*|fontes|públic\w+)|\b)|\b(?:é|torna-se) (?:impossível|difícil) (?:saber|dizer|determinar|identificar)|\b(?:desconheço|desconhece-se|ignoro)\b|\bcomo (?:um |uma )?(?:modelo de linguagem|ia\b|inteligência artificial|assistente)|\bnenhuma? (?:informaç\w+|dado|registro|registo)|\bsem (?:informaç\w+|dados|mais contexto)",
            # Italian
            r"\b(?:mi dispiace|spiacente|mi scuso|purtroppo|sono spiacente)\b|\bnon (?:ho|posso|so\b|conosco|ci sono|c'è|è|sono|dispongo|si hanno|si sa|riesco|esistono|esiste|risulta|risultano|mi|possiedo|viene|si|trovo|sappiamo|saprei|fornisce)\b(?:.{0,50}?(?:informazion\w+|dati|notizie|dettagli|sapere|possibile|grado|identific\w*|trovat\w*|aiutar\w*|fornir\w*|descriver\w*|sicur[oa]|chi|chiar[oa]|disponibil\w+|sufficient\w*|contesto|not[oaie]|riconosc\w*|conosc\w*|fonti)|\b)|\b(?:è) (?:impossibile|difficile) (?:sapere|dire|determinare|identificare|stabilire)|\bimpossibile (?:identificare|dire|sapere|stabilire)|\bnessuna? (?:informazione|notizia|dato|persona|riferimento)|\bcome (?:modello linguistico|ia\b|intelligenza artificiale|assistente)|\b(?:sconosciut[oaie]|ignot[oa])\b",
            # Dutch
            r"\b(?:het spijt me|helaas|sorry|excuses|mijn excuses)\b|\bik (?:\w+ ){0,5}?(?:niet|geen|niets)\b|\b(?:kan|heb|ken|weet|beschik|vind) ik\b.{0,80}?\b(?:niet|geen|niets)\b|\b(?:er (?:is|zijn)|is er|zijn er)\b.{0,30}?\b(?:geen|niets|onvoldoende)\b|\bgeen (?:\w+ ){0,2}?(?:informatie|gegevens|bronnen|details|kennis|idee)|\b(?:is|zijn|blijft|werd) (?:\w+ ){0,2}?(?:niet bekend|onbekend|niet duidelijk|onduidelijk|niet mogelijk)|\bals (?:ai|taalmodel|kunstmatige)|\bniet (?:te bepalen|te achterhalen|bekend|vaststellen|mogelijk|identificeren)|\bzegt me niets",
            # Swedish, Norwegian, Danish
            r"\b(?:tyvärr|beklagar|förlåt|ledsen|dessverre|beklager|unnskyld|desværre|undskyld)\b|\b(?:jag|jeg|vi|eg) (?:\w+ ){0,3}?(?:inte|ingen|inga|inget|ikke|ingen|ingenting|intet|ikkje)\b|\b(?:har|vet|kan|känner|kjenner|kender|ved|hittar|finner|finder) (?:jag|jeg)\b.{0,50}?\b(?:inte|ingen|inga|inget|ikke|intet)\b|\b(?:det (?:finns|finnes|findes|går|är|er|fanns)|finns det|finnes det|findes der|der (?:findes|er)|går det)\b.{0,30}?\b(?:inte|ingen|inga|inget|ikke|intet|omöjligt|umulig\w*|oklart|uklart|okänt|ukjent|ukendt)\b|\b(?:ingen|inga|inget|intet) (?:\w+ ){0,2}?(?:information\w*|informasjon|uppgift\w*|opplysninger|oplysninger|data|källor|kilder|kunskap|kännedom)|\b(?:är|er|förblir|forblir) (?:\w+ ){0,3}?(?:okänd\w*|okänt|ukjent\w*|ukendt\w*|inte känd\w*|ikke kjent\w*|ikke kendt\w*)|\bsom (?:en )?(?:ai\b|språkmodell?|sprogmodel)|\b(?:inte|ikke) (?:möjligt|mulig|muligt|identifieras?|identifiseres?|identificeres?|avgöra|fastställa|bestemme|känt|kjent|kendt|tillräcklig\w*|nok)",
            # Finnish, Estonian, Hungarian
            r"\b(?:valitettavasti|pahoittelen|pahoittelut|anteeksi|olen pahoillani)\b|\b(?:minulla|meillä|siitä|hänestä|tästä)? ?ei(?:kä)? (?:\w+ ){0,3}?(?:ole|löydy|löytynyt|tunneta|tiedetä|voi|voida|tiedossa|pysty\w*|saatavilla|tietoa|riittävästi|mahdollista)\b|\ben (?:\w+ ){0,2}?(?:tiedä|tunne|voi|osaa|pysty|löydä|löytänyt|ole|tunnista|halua)\b|\btietoja? ei\b|\bkahjuks\b|\bmul (?:ei|pole)\b|\bma ei\b|\bpuudu(?:b|vad) \w+|\b(?:sajnálom|sajnos|elnézést|bocsánat|sajnálattal)\b|\b(?:nem|nincs|nincsen|nincsenek|sem) (?:\w+ ){0,3}?(?:ismerem|tudom|tudok|tudni|ismert|található|információ\w*|adat\w*|adatom|áll|lehet|lehetséges|azonosítható|talál\w*|rendelkez\w*|elérhető|derül|egyértelmű|segíteni|megállapítható|tudunk)|\b(?:információ\w*|adat\w*) (?:\w+ ){0,3}?(?:nincs|nem|nincsenek)",
            # Polish
            r"\b(?:przepraszam|niestety|przykro mi|wybacz)\b|\bnie (?:\w+ ){0,2}?(?:posiadam|mam|znam|wiem|mogę|jestem|potrafię|znalazł\w*|ma\b|wiadomo|można|da się|udało|istnieje|istnieją|są|jest|znaleziono|dysponuję|udzielę|rozpoznaję|kojarzę|zawiera|podano|odnaleziono|sposób)\b|\bbrak(?:uje)? (?:\w+ ){0,3}?(?:danych|informacji|wiedzy|kontekstu|źródeł|wystarczających)|\btrudno (?:\w+ )?(?:powiedzieć|ustalić|określić|stwierdzić)|\b(?:jest|pozostaje|są) (?:\w+ )?nieznan\w+|\bjako (?:model|sztuczna|asystent)",
            # Czech, Slovak, Slovene, Croatian/Serbian
            r"\b(?:bohužel|omlouvám|omluvte|je mi líto|promiňte|žel|bohužiaľ|žiaľ|ospravedlňujem|prepáčte|je mi ľúto|ľutujem|žal|oprostite|žao mi je|nažalost|oprosti(?:te)?|ispričavam)\b|\b(?:nevím|neznám|nemám|nemohu|nemůžu|nejsem|nedokážu|nenašel|není|nejsou|nelze|nebylo|nepodařilo|neexistuj\w+|nezná|nevíme|neviem|nepoznám|nemôžem|nie som|nie je (?:známe|možné|jasné|k)|nie sú|nedá sa|nedokážem|neobsahuje|ne poznam|ne vem|nimam|ne morem|ni (?:mogoče|znano|podatkov)|ne znam|nemam|ne mogu|nisam|nije poznat\w*|nije moguće|nema (?:\w+ )?(?:podataka|informacij\w+)|ne postoj\w+|nije jasno|ne poznajem|nepoznat\w*)\b|\b(?:žádné|žiadne|nikakv\w+|nobenih) (?:\w+ ){0,2}?(?:informac\w+|údaj\w+|podat\w+|podrobnost\w+)|\b(?:je|jsou|zůstává|ostáva) (?:\w+ )?neznám\w+|\bjako (?:jazykový|umělá|ai)|\btěžko (?:říct|říci)|\bťažko povedať",
            # Romanian, Catalan, Galician, Latvian, Lithuanian, Albanian
            r"\b(?:îmi pare rău|din păcate|scuze|regret)\b|\bnu (?:\w+ ){0,2}?(?:am|știu|cunosc|pot|există|este|sunt|se|dețin|dispun|recunosc|găsesc)\b.{0,40}?(?:informații|date|detalii|cin[ei]|ce|posibil|cunoscut\w*|identific\w*|sigur\w*|despre|persoan\w*|ajut\w*|descri\w*|oferi)|\b(?:ho sento|em sap greu|malauradament)\b|\bno (?:tinc|hi ha|conec|sé|puc|es coneix|dispos)\b|\b(?:diemžēl|atvainojiet|man nav|nav (?:zināms|pieejam\w+|informācij\w+)|deja|atsiprašau|neturiu|nežinau|nepažįstu|nėra (?:žinoma|informacijos|duomenų)|negaliu|më vjen keq|fatkeqësisht|nuk (?:kam|njoh|di|ka|mund))\b",
            # Turkish, Azerbaijani
            r"\b(?:üzgünüm|maalesef|ne yazık ki|özür dilerim|kusura bakmayın|təəssüf\w*|bağışlayın)\b|\b(?:bilgim|bilgi|bilgiye|veri|kayıt|fikrim|bir şey|malumatım|bilgimiz|bilgiler) (?:\w+ ){0,3}?(?:yok|bulunmuyor|bulunmamaktadır|bulamadım|bulunamadı|mevcut değil|sahip değilim|yoktur|bilmiyorum|veremem|erişim\w*)|\b(?:bilmiyorum|tanımıyorum|bilinmiyor|bilinmemektedir|bilemiyorum|tanımlayamıyorum|tanıyamıyorum|yardımcı olamam|yardımcı olamıyorum|belirlenemiyor|emin değilim|mümkün değil|söyleyemem|belirsiz|tespit edilemedi|açıklayamam|bilmirəm|tanımıram)\b",
            # Indonesian, Malay, Vietnamese, Tagalog, Swahili
            r"\b(?:maaf|mohon maaf|sayangnya|minta maaf)\b|\b(?:saya|kami|aku) (?:\w+ ){0,2}?(?:tidak|belum|tak|bukan|kurang)\b|\b(?:tidak|belum|tak|tiada) (?:\w+ ){0,3}?(?:diketahui|ada (?:informasi|data|maklumat|keterangan|catatan)|tersedia|ditemukan|memiliki|mengenal|mengetahui|tahu|dapat|bisa|jelas|dikenal|menemukan|cukup|mungkin|dijumpai|yakin|mempunyai|familiar|terdapat|mampu)|\b(?:xin lỗi|rất tiếc|tiếc là|tiếc rằng)\b|\b(?:không|chưa|chẳng) (?:\S+ ){0,3}?(?:có (?:\S+ ){0,3}?(?:thông tin|dữ liệu|tư liệu|đủ|tài liệu|kiến thức)|biết|rõ|thể|tìm|được biết|xác định|nhận ra|quen|đủ|có sẵn|đề cập|chắc|phải là)|\b(?:chưa|không) (?:tìm|có|rõ|xác)|\b(?:paumanhin|pasensya|ikinalulungkot|sa kasamaang palad|wala akong|walang (?:\w+ )?impormasyon|hindi ko|hindi kilala|hindi alam|samahani|pole|sina (?:habari|taarifa|maelezo)|sijui|simjui|simfahamu|siwezi|hakuna (?:taarifa|habari|maelezo)|hajulikani|haijulikani|jammer|ek (?:weet|ken|kan) nie)\b",
            # to be unknown to somebody, and names that tell somebody nothing
            r"\b(?:is|zijn|blijft) (?:mij|me|ons) (?:\w+ )?(?:niet|niets|onbekend)\b|\b(?:is|valt) (?:\w+ )?niet te (?:zeggen|achterhalen|bepalen|beantwoorden)\b|\bzegg?(?:t|en) (?:mij|me|ons) (?:\w+ )?(?:niets|niks|weinig)|\b(?:mij|me|ons) (?:\w+ )?onbekend|\bniets (?:\w+ )?bekend|\b(?:sagt|sagen|sagte) (?:mir|uns) (?:\w+ )?nichts|\b(?:mir|uns) (?:\w+ ){0,2}?(?:unbekannt|fremd|neu)\b|\bmuss ich passen\b|\bnichts anfangen\b",
            r"\bne (?:me|nous) (?:\w+ ){1,3}?(?:rien|pas|aucun\w*)\b|\bne m'(?:est|évoquent?|étaient?|apprend\w*) (?:\w+ )?(?:pas|rien|aucun\w*)\b|\bnous (?:n'|ne )(?:\w+ ){1,2}?(?:pas|aucun\w*|rien)\b|\bfaute d(?:e |')(?:information|contexte|données|éléments|précision)|\bm(?:'est|e sont) (?:\w+ )?(?:étrang\w+|inconnu\w*)",
            r"\bcare(?:zco|cemos|ce) de\b|\bno (?:sabría|sabría|sabríamos|alcanzo|logro|consigo)\b|\bningun[oa]\b.{0,40}?\b(?:resulta|suena|conoc\w+|reconoz\w+|familiar\w*|identific\w+)|\bno (?:me|nos) (?:resulta|suena|dice|consta)n?\b|\bme (?:es|son|resultan?) (?:\w+ )?(?:desconocid|ajen|extrañ)\w+",
            r"\bnão (?:faço|saberia|saberei|há como|dá para|cheguei)\b|\b(?:nenhum|nenhuma)\b.{0,40}?\b(?:conheç\w+|reconheç\w+|familiar\w*|conhecid\w+)|\bme (?:é|são) (?:\w+ )?(?:desconhecid|estranh)\w+|\bnon (?:mi|ci) (?:\w+ ){0,2}?(?:dicono|dice|risulta|risultano|è|sono)\b|\bnon sono a conoscenza\b|\bnon ne so\b",
            r"\bnic (?:\w+ ){0,2}?nie (?:wiem|mówi\w*|wiadomo|znalazł\w*)|\bnie mówi\w* (?:mi )?nic|\bnie kojarzę|\bnic (?:\w+ ){0,3}?(?:nevím|neví|neříkaj\w+|neříká|nenašel|nehovor\w+)|\bneříkaj?\w* (?:mi )?nic|\bniet mi (?:\w+ )?znám\w*|\bnehovor\w+ (?:mi )?nič|\bnič (?:\w+ ){0,2}?neviem|\bn(?:iš|iš)ta (?:\w+ ){0,3}?ne (?:znam|znači|govori)",
            r"\b(?:säger|siger|sier) (?:mig|meg|oss|os) (?:\w+ )?(?:ingenting|inget|inte|ikke|intet|ikkje)|\b(?:främmande|obekant\w*|fremmed\w*) for (?:mig|meg)|\beivät (?:\w+ ){0,3}?(?:sano|ole|löydy|kerro)|\bnem (?:\w+ ){0,2}?(?:mond\w*|cseng\w*|hallottam)|\bnu(?: îmi|-mi|mi) (?:\w+ )?(?:spun\w*|este|sunt|dau)|\bîmi (?:este|sunt) (?:\w+ )?(?:necunoscut|străin)\w*|\bifade etmi\w+|\btanıdığım (?:\w+ ){0,2}?değil|\bhiçbir (?:\w+ ){0,2}?(?:yok|bulamad\w+|bulunam\w+)|\basing (?:bagi|buat|di telinga)\b|\b(?:kurang|tidak) (?:begitu )?(?:familiar|akrab)",
        )
    ),
    re.IGNORECASE,
)
DECLINES_IN_OTHER_SCRIPTS = re.compile(
    "|".join(
        (
            # Russian, Ukrainian, Belarusian, Bulgarian, Serbian
            r"\b(?:извините|простите|прошу прощения|к сожалению|приношу извинения|сожалею|на жаль|вибачте|перепрошую|прикро|на жаль|за съжаление|съжалявам|извинявам|нажалост|жао ми је|извините)\b|\b(?:я |мы |ми )?не (?:\w+ ){0,2}?(?:могу|можу|знаю|знаком\w*|имею|маю|располагаю|уверен\w*|нашел|нашёл|нашла|знайш\w+|найден\w*|удалось|вдалося|известн\w*|відом\w*|представляется|существует|існує|обладаю|володію|распознаю|впізнаю|содержит|містить|удаётся|удается|можем|знаем|познавам|мога|разполагам|съм|е известн\w+|знам|могу|встречал\w*|узнаю|являюсь|можливо|визначено|определ\w+|вказано|указан\w*|ясно|зрозуміло)|\b(?:нет|немає|няма|нема|отсутству\w+|відсутн\w+|недостаточно|недостатньо|липсват?|никаких|жодн\w+) (?:\w+ ){0,3}?(?:сведений|информации|данных|інформації|відомостей|даних|информация|данни|информација|података|информације|упоминаний|згадок|контекста|контексту|достаточн\w*)|\b(?:информаци\w+|сведени\w+|данны\w+|інформаці\w+|відомост\w+|дані|данных|даних)\b.{0,50}?\b(?:нет|немає|не найден\w*|не знайдено|отсутству\w+|відсутн\w+|не имеется|недоступн\w*|липсва\w*|недостаточно)|\b(?:мне|мені|нам) (?:\w+ ){0,2}?(?:неизвест\w+|невідом\w+|не известн\w+|не відом\w+|незнаком\w+|не знаком\w+|ничего|нічого|неясно)|\bнеизвест(?:но|ен|на|ны)\b|\bневідом(?:о|ий|а|і)\b|\b(?:трудно|сложно|невозможно|важко|неможливо|трудно е|затрудняюсь|затруднительно) (?:\w+ )?(?:сказать|определить|установить|сказати|визначити|встановити|идентифицировать|ідентифікувати|ответить|описать|описати|да се|дать)|\b(?:как|будучи) (?:языков\w+|искусственн\w+|ии\b)|\bнищо не (?:е|ми)|\bничего не (?:известно|знаю|могу)|\bнічого не (?:відомо|знаю)",
            r"\bни о ч[её]м не говор\w+|\bничего не говор\w+|\bне говор\w+ (?:мне )?ни о|\bпонятия не имею|\b(?:мне|мені|ми) (?:\w+ ){0,2}?(?:незнайом\w*|незнаком\w*|невідом\w*|неизвестн\w*|непознат\w*)|\b(?:незнаком\w*|незнайом\w*) (?:мне|мені)\b|\bнічого не (?:кажуть|каже|говор\w+)|\bуявлення не маю|\bнямам\b|\bне ми (?:говор\w+|е|са)\b|\bне (?:слышал|слышала|чув|чула|съм чувал)\b|\bнемам (?:податак\w*|информациј\w*)|\bне знам\b|\bне подзнавам\b",
            # Greek
            r"\b(?:λυπάμαι|δυστυχώς|συγγνώμη|ζητώ συγγνώμη|με συγχωρείτε)\b|\bδεν (?:\w+ ){0,3}?(?:γνωρίζω|έχω|μπορώ|υπάρχ\w+|ξέρω|είναι|διαθέτω|βρήκα|βρέθηκ\w+|αναγνωρίζω|είμαι|μπορεί|γνωρίζουμε|προκύπτει)|\b(?:καμία|καμιά|ανεπαρκ\w+) (?:\w+ ){0,2}?πληροφορί\w+|\bάγνωστ\w+",
            # Arabic, Persian, Urdu, Hebrew
            r"عذر[اًًا]+|آسف|أعتذر|للأسف|المعذرة|لا (?:أعرف|أعلم|يمكنني|أستطيع|تتوفر|يتوفر|توجد|يوجد|أملك|تتوافر|يمكن|أدري|نعرف|علم|أجد|معلومات|أتعرف)|ليس(?:ت)? (?:لدي|لديّ|عندي|هناك|لدى|من الممكن|بإمكاني|واضح|معروف)|لم (?:أجد|أتمكن|أعثر|يتم|يُعثر|أتعرف|أستطع|يرد|أسمع)|غير (?:معروف\w*|متوفر\w*|متاح\w*|قادر|متأكد\w*|محدد\w*|معلوم\w*|كاف\w*|واضح\w*)|لست (?:متأكد\w*|قادر\w*|على)|تعذ[رّ]+|متأسفم|ببخشید|متاسفانه|متأسفانه|عذر می|نمی ?(?:شناسم|دانم|توانم)|اطلاعات\w* (?:\S+ ){0,6}?(?:ندارم|نیست|موجود نیست|وجود ندارد|در دسترس نیست)|وجود ندارد|یافت نشد|معذرت|افسوس|معلومات (?:\S+ ){0,4}?(?:نہیں|موجود نہیں)|نہیں (?:جانتا|جانتی|ہے|معلوم|کر سکتا)|מצטער(?:ת)?|סליחה|לצערי|אין (?:לי|לנו|מידע|נתונים|באפשרותי|פרטים)|(?:אינני|איני|לא) (?:\S+ )?(?:יודע\w*|מכיר\w*|יכול\w*|ידוע\w*|נמצא\w*|מצאתי|ניתן|מזהה|בטוח\w*|זמין\w*|קיים|ברור)",
            # Hindi, Bengali, Tamil, Marathi, Nepali and others
            r"क्षमा|माफ़|माफ|खेद|जानकारी (?:\S+ ){0,4}?(?:नहीं|उपलब्ध नहीं|नाही|छैन)|नहीं (?:जानता|जानती|जानते|पता|मालूम|है|हैं|मिली|मिला|कर|बता|पहचान|सकता|सकती|मिल)|(?:पता|मालूम|ज्ञात|उपलब्ध|स्पष्ट|संभव|परिचित) नहीं|अज्ञात|असमर्थ|माहिती (?:\S+ ){0,3}?नाही|माहित नाही|थाहा छैन|দুঃখিত|জানি না|তথ্য (?:\S+ ){0,4}?(?:নেই|পাওয়া যায়নি|পাইনি)|জানা নেই|জানা যায়নি|পারছি না|পারি না|চিনি না|மன்னிக்கவும்|தெரியவில்லை|தெரியாது|தகவல் (?:\S+ ){0,3}?இல்லை|இல்லை|క్షమించండి|తెలియదు|సమాచారం (?:\S+ ){0,3}?లేదు|ಕ್ಷಮಿಸಿ|ಗೊತ್ತಿಲ್ಲ|ക്ഷമിക്കണം|അറിയില്ല|ਮਾਫ਼|ਨਹੀਂ|માફ|ખબર નથી|માહિતી (?:\S+ ){0,3}?નથી",
            # Thai
            r"ขออภัย|ขอโทษ|เสียใจ|ไม่(?:ทราบ|รู้จัก|มีข้อมูล|สามารถ|พบ|แน่ใจ|ปรากฏ|เพียงพอ|ชัดเจน|คุ้น)",
            r"غير مألوف\w*|لم (?:أسمع|يسبق)|لا (?:تعني|يعني) لي|لا (?:تخطر|أملك)|نمی\W?(?:شناسم|دانم|توانم)|نشنیده|آشنا نیست|لم يسبق لي|नहीं (?:सुन\w*|जान\w*|हूँ|हूं|दे\b)|परिचित नहीं|לא (?:מוכר\w*|אומר\w*|נתקלתי|שמעתי|נמצא\w*)|אינ(?:ו|ה|ם) (?:מוכר|ידוע)\w*",
            r"(?:没有|沒有|暂无|暫無|缺乏|尚无|尚無|未找到|找不到|查不到|没找到).{0,40}?(?:信息|資訊|资讯|資料|资料|记录|記錄|数据)|(?:没|沒|未|从未|從未)(?:有)?(?:听说|聽說|听过|聽過|见过)|无从|無從|恕我|恕难|恕難|(?:很)?陌生|查不到|不在我的",
            r"かねます|かねる|心当たりが?(?:あり|な)|聞いたことが?(?:あり|な)|(?:面識|知識|覚え)が?(?:あり|な)|아는 (?:바|것|게)가? ?없|들어 ?본 (?:적|바)[이가]? ?(?:없|이 없)|처음 (?:듣|들어)|생소한|낯선 이름|모르겠",
            # Chinese, Japanese, Korean
            r"抱歉|对不起|對不起|很遗憾|很遺憾|遗憾的是|不好意思|我(?:\S{0,4})(?:无法|無法|不能|不知|没有|沒有|不了解|不清楚|不认识|不認識|不熟悉|不确定|不確定|未能|找不到|没法|查不到|暂无|并不|並不)|(?:无法|無法|未能|难以|難以|不能)(?:\S{0,4})(?:提供|回答|识别|識別|辨认|辨認|确定|確定|确认|確認|判断|判斷|得知|找到|查到|描述|说明|說明|解释|解釋|协助|幫助|帮助|查证|查證|核实|获取|获得)|(?:没有|沒有|暂无|暫無|缺乏|查无|查無|尚无|尚無|未找到|找不到|未查到|没找到)(?:\S{0,20}?)(?:信息|資訊|资讯|資料|资料|记录|記錄|数据|介绍|此人|该人|线索|了解|任何|相关)|(?:信息|資訊|資料|资料)(?:不足|不明|不详|有限|缺失)|(?:不详|不詳|身份不明|身份未知|不为人知|不得而知)|作[为為](?:一[个個名])?.{0,6}(?:AI|人工智能|人工智慧|语言模型|語言模型)|不(?:清楚|知道|了解|认识|認識|熟悉)|尚不(?:清楚|明确)|未知",
            r"申し訳(?:ありません|ございません|ない)|すみません|ごめんなさい|残念ながら|恐れ入りますが|(?:わかり|分かり|存じ|存じ上げ|知り|ござい|あり|でき|見つかり|判別でき|特定でき|お答えでき|確認でき|持ち合わせており|持っており|認識しており|把握しており|見当たり|いたし|得られ)ません|(?:わから|分から|知ら|でき|見つから|判明してい|特定でき|確認され|確認でき|知られてい|見当たら|公開され(?:てい)?)な(?:い|かった|く)|不明(?:です|である|だ|。|$)|情報(?:は|が|も)?(?:\S{0,12})(?:ない|ません|なし|不足|見つか|存在しない)|情報がな|該当(?:する)?(?:\S{0,8})(?:ありません|なし|ない|不明)|(?:未詳|詳細不明|正体不明|身元不明)|AI(?:として|アシスタント|言語モデル)|言語モデル(?:として|な)",
            r"죄송|미안|유감|안타깝게도|아쉽게도|(?:알|찾을|제공할|확인할|식별할|답변할|도울|설명할|파악할|특정할|드릴|말씀드릴|판단할|도와드릴) ?(?:수|수가) ?없|(?:정보|자료|기록|데이터|내용|설명)(?:가|는|를|이|은|도)? ?(?:\S+ ){0,3}?(?:없|부족|찾지 못|찾을 수|가지고 있지|갖고 있지|확인되지|알지 못|존재하지|제공되지)|(?:모르|모릅|모름|알지 못|알려지지 않|알려져 있지 않|알려진 바|불분명|확실하지 않|확인되지 않|잘 알지|누구인지 알|알 수 없|불명|미상|파악되지)|언어 모델(?:로서|이)|인공지능(?:으로서)?",
        )
    ),
    re.IGNORECASE,
)
# Clauses about the speaker, the task, the caption; conditions; advice.
FILLER = re.compile(
    r"\b(?:I|I'm|I'd|I'll|I've|we'd|we'll) ?(?:am|'m|was|would|'d|will|'ll|can|could|might|may|must|should|have|had|hope|think|believe|recommend|suggest|encourage|advise|understand|appreciate|see|assume|need|want|apologi[sz]e|only|do|did|get|know|try|tried|strive|aim|searched|looked|checked|am|feel|prefer|guess|ask|wish|'ve|cannot|can't|don't|not|love|notice|take|ready|wonder|s?he|just|also|based|rely|respect|value)\b|\bI(?:'m|'d|'ll|'ve)\b|^(?:my|mine)\b|\bmy (?:training|knowledge|apologies|database|data|best|goal|purpose|understanding|information|mistake|guidelines|creators|programming|sources|policy|role|side|part|last|intention|memory|records?|answer|response|abilit|capabilit)\w*|"
    r"\b(?:for|to|with|help|helps|tell|told|let|gives?|given) (?:me|us)\b|"
    r"^(?:(?:and|so|but|or|then|also|still|thus|even) )*(?:if|unless|without|should you|in case|whether|whoever|for (?:more|accurate|further|details|any|reliable|up)|to (?:learn|find out|know|be sure|explain|recogni[sz]e|identify|answer|understand|help|do so|get|give|describe|say|tell)|in order to|based on|given (?:the|that|this)|due to|because|since|as (?:such|a result|of my)|therefore|hence|thus|out of respect|while|though it|perhaps|maybe|possibly|probably|presumably|feel free|thank|thanks|sorry|apologies|unfortunately(?! for)|regrettably|sadly|alas|note|please note|hello|hi|hey|hmm|oh|ah|well|okay|ok|sure|understood|certainly|of course|got it|great|great question|good question|interesting|one moment|in (?:short|summary|conclusion|general)|from the caption|the caption|this caption|your caption|the (?:given|provided|above) |the (?:name|names|text|input|question|request|message|prompt|entities|entity|person|persons|people|individual|individuals|identity|photo|image|picture|data|information) (?:you|in|is|are|was|were|may|might|could|seems?|appears?|mentioned|does|do|given|provided|here|of|alone|itself|shown|reads?|says?|contains?)|(?:this|that|these|those|such|both|all|the) (?:\w+ )?(?:name|names|person|persons|people|individual|individuals|entity|entities|character|figure|information|question|request|term|word|words)\b|names? (?:such|like)|it(?:'s| is| may| might| could)? (?:also |just |quite |very )?(?:possible|likely|best|important|always|may|might|could|conceivable|essential|worth|better|recommended|advisable|safe|seems?|appears?|looks? like|sounds?)|(?:they|he|she) (?:may|might|could|seems?|appears?)|this (?:is|was|may|might|could|seems?|appears?|looks?|sounds?|would|one)|anything|something|someone|otherwise|additionally, (?:please|if)|more (?:context|information|details))\b|"
    r"\b(?:you|your|you'd|you'll|yourself|one) (?:can|could|may|might|should|would|want|need|have|provide|give|share|tell|mean|like|give|gave|supply|wish|are|were|refer|'re|generally|typically|usually|know|think|look|mention\w*|question|request|input|prompt|query|caption|sources?|local)\b|\bwould you\b|\bdo you\b|\bare you\b|\bdid you\b|\byou (?:mean|meant)\b|\bfor you\b|\bthe user\b|"
    r"\b(?:consult|refer to|check (?:with|the|a|an|reliable|local|online|official|other)|look(?:ed|ing)? (?:it |them |him |her )?up|search(?:ing)? (?:online|for|the)|reliable sources?|official (?:sources?|websites?)|news sources?|search engine|encyclop\w+|genealogical)\b",
    re.IGNORECASE,
)
# The same, unless the clause describes somebody: a fictional detective, a private individual.
VAGUE = re.compile(
    r"\b(?:private (?:individual|person|citizen|figure)s?|fictional|fictitious|made[- ]up|misspell\w*|typo|local (?:figure|person|resident)|lesser[- ]known|not widely|obscure|invented|up[- ]to[- ]date|privacy|hypothetical|placeholder)\b",
)
GUESSES = re.compile(
    r"\b(?:may(?! not)|might|could(?! not)|perhaps|possibly|maybe|presumably|probably|likely|seems? to be|appears? to be|it's possible|potentially|must be|would be|conceivably)\b"
)
ASKS = re.compile(
    r"(?:^|[,;:.!] |\b(?:so|and|but|then) )(?:[Pp]lease|[Cc]ould you|[Cc]an you|[Ww]ould you|[Dd]o you|[Dd]id you|[Aa]re you|[Ll]et me know|[Ff]eel free|[Ss]end me|[Tt]ell me|[Gg]ive me|[Pp]rovide|[Ss]hare|[Uu]pload|[Ww]hich one|[Ww]ho (?:do|are) you|[Ww]hat (?:would you|can I|can we|do you|is it|kind)|[Hh]ow (?:can|may) I|[Ii]s there (?:anything|something))\b(?! [A-Z])"
)
FILLER_ELSEWHERE = re.compile(
    r"\?\s*$|？|؟|か。|^(?:(?:aus|laut|in|an) der bildunterschrift|die bildunterschrift|(?:d'après )?la légende|(?:según )?(?:el pie de foto|la leyenda)|(?:segundo )?a legenda|(?:secondo )?la didascalia|(?:uit )?het bijschrift|bildtexten|billedteksten|bildeteksten|podpis|popisek|подпись|з підпису|из подписи|підпис)\b|^(?:说明文字|图片说明|標題|标题|キャプション)|(?:\b(?:potrebbe|poderia|verebilir|bitte|könnten sie|können sie|kannst du|wenn sie|falls sie|veuillez|s'il vous plaît|pourriez-vous|pouvez-vous|si vous|por favor|podrías?|puedes|puede usted|si (?:me|puedes|tienes|usted)|poderia|pode me|se puder|per favore|potresti|può (?:fornir|dar|dir)\w*|se (?:mi|puoi)|alstublieft|kunt u|kun je|als u|gelieve|vänligen|snälla|kan du|om du|kan de|vennligst|venligst|hvis du|ole hyvä|voitko|voisitko|jos (?:voit|annat)|proszę|czy (?:możesz|mógłbyś|może)|jeśli|prosím|můžete|můžeš|pokud|mohl byste|ak (?:mi|máte)|môžete|kérem|kérlek|tudna|ha (?:meg|több)|vă rog|ați putea|dacă|lütfen|misiniz|eğer|mohon|silakan|tolong|harap|bisakah|jika (?:anda|kamu)|vui lòng|xin (?:hãy|vui)|bạn có thể|nếu (?:bạn|có)|pakibigay|tafadhali|kama una)\b|\b(?:пожалуйста|уточните|могли бы|можете ли|если (?:вы|у вас)|предоставьте|будь ласка|уточніть|чи могли|якщо (?:ви|у вас)|моля|молим|παρακαλώ|μπορείτε|αν (?:μου|έχετε))\b|يرجى|من فضلك|هل (?:يمكنك|تقصد)|إذا (?:كان|كنت)|لطفا|لطفاً|اگر|براہ|בבקשה|אנא|אם (?:יש|תוכל)|कृपया|यदि आप|अगर आप|দয়া করে|যদি আপনি|กรุณา|โปรด|หากคุณ|请(?!愿)|請(?!願)|如果(?:您|你|能)|若(?:您|你)|您(?:能|可以)|建议|建議|能否|ください|下さい|いただけ|お願い|もし|お知らせ|주시(?:면|겠)|주세요|알려|바랍니다|부탁|혹시|필요합니다|도와드)",
    re.IGNORECASE,
)
# Advice to look elsewhere, of any length.
ADVISES = re.compile(
    r"\b(?:it is|it's|it would be|would be|is|be) (?:\w+ )?(?:best|better|advisable|recommended|worth|a good idea|sensible|wise|helpful|useful|worthwhile) (?:to )?(?:consult|contact|ask|check|look|search|visit|see|refer|reach|turn|speak|talk|get in touch|consulting|contacting|asking|checking)\b|"
    r"\b(?:I|we)(?:'d| would| can|'ll| will)? (?:\w+ )?(?:recommend|suggest|advise|encourage)\b|\b(?:please |you (?:can|could|may|might|should) (?:\w+ )?)(?:consult|contact|ask|check|search|visit|refer)\b"
)
# "I don't know" as the whole answer.
WHOLE_ANSWERS = re.compile(
    r"\W*(?:(?:sorry|entschuldigung|désolée?|pardon|lo siento|perdón|desculpe|mi dispiace|scusa|spiacente|helaas|извините|простите)[,.! ]+)?(?:"
    r"(?:I )?(?:don't|do not|dunno|donno) ?(?:know|understand)?(?: (?:it|that|this|him|her|them|these|those|him or her|who (?:this|that|he|she) is))?|no (?:idea|clue)|dunno|idk|not sure|"
    r"(?:das )?wei(?:ß|ss) ich (?:leider )?nicht|ich wei(?:ß|ss)(?: es)? (?:leider )?nicht|keine ahnung|"
    r"je (?:ne |n'en )?(?:le )?sais (?:pas|rien)|j(?:e l)?'ignore|aucune idée|"
    r"no (?:lo )?s[eé]|lo ignoro|lo desconozco|ni idea|no tengo (?:ni )?idea|"
    r"(?:eu )?não (?:o )?sei|não faço (?:a menor )?ideia|sei lá|"
    r"(?:io )?non (?:lo |ne )?so(?: proprio| nulla| niente)?|non saprei(?: dirlo| dire)?|non ne ho (?:la minima )?idea|boh|"
    r"(?:ik )?weet (?:ik )?(?:het )?niet|(?:dat )?weet ik (?:helaas )?niet|geen idee|"
    r"(?:det )?(?:jag |jeg )?ve[td]t? (?:jag |jeg )?(?:det )?(?:inte|ikke)|ingen (?:aning|anelse)|eg veit (?:det )?ikkje|"
    r"(?:minä )?en (?:minä )?tiedä|ei (?:mitään )?aavistustakaan|ma ei tea|ei tea|nem tudom|(?:én )?nem ismerem|fogalmam sincs|"
    r"nie (?:wiem|znam)|nie mam pojęcia|(?:to )?nevím|(?:to )?neviem|nemám (?:tušení|potuchy)|ne vem|ne znam|nemam pojma|"
    r"nu (?:știu|stiu)|n-?am (?:nicio )?idee|nežinau|nezinu|es nezinu|nuk e di|nuk e dija|no ho sé|non o sei|ez dakit|"
    r"bilmiyorum|bilmirəm|(?:saya )?(?:tidak|tak) tahu|(?:saya )?(?:kurang|tak) pasti|(?:tôi )?không biết|hindi ko alam|sijui|ek weet nie|"
    r"(?:я )?(?:этого )?не знаю|без понятия|понятия не имею|(?:я )?не знаю цього|гадки не маю|не знам|нямам представа|не ведаю|немам поим|"
    r"δεν (?:το )?(?:ξέρω|γνωρίζω)|չգիտեմ|არ ვიცი|لا أعرف|لا أدري|لا أعلم|نمی\W?دانم|نمیدانم|مجھے نہیں معلوم|معلوم نہیں|(?:אני )?לא (?:יודע|יודעת)|איני יודע|אין לי מושג|"
    r"(?:मुझे )?(?:नहीं पता|पता नहीं|मालूम नहीं|नहीं मालूम)|मला माहित नाही|(?:আমি )?জানি না|தெரியாது|எனக்குத் தெரியாது|తెలియదు|(?:ผม|ฉัน)?ไม่(?:ทราบ|รู้)(?:ครับ|ค่ะ)?|"
    r"(?:我)?不(?:知道|清楚|认识|認識|了解)|(?:私は)?(?:わかりません|分かりません|知りません|わからない|分からない|存じません)|(?:잘 )?(?:모르겠습니다|모릅니다|모르겠어요|몰라요|몰라)"
    r")\W*",
    re.IGNORECASE,
)
# What introduces an explanation after all.
TELLS = re.compile(
    r"\b(?:I|we) (?:can|could|do|am able to|can still|can, however) (?:\w+ )?(?:tell|say|know|explain|describe|share|offer|note|confirm)(?: you)?(?: that| this)?\b(?! (?:what|who|more|it|them))|\b(?:what I (?:do )?know is|I do know|I (?:believe|think|assume|suppose|gather)) (?:that )?|\bgoing by the caption\b",
    re.IGNORECASE,
)
ADVERSATIVES = (
    r"but|however|yet|although|nevertheless|nonetheless|still|whereas|while|aber|jedoch|allerdings|doch|mais|cependant|toutefois|pero|sin embargo|aunque|mas|porém|contudo|ma|però|tuttavia|maar|echter|men|dock|"
    r"mutta|ale|jednak|však|ovšem|lecz|de viszont|viszont|azonban|но|однако|але|проте|однак|но|αλλά|όμως|ama|ancak|fakat|tetapi|namun|tapi|nhưng|tuy nhiên|dar|însă|لكن|ولكن|أما|अलबत्ता|लेकिन|परंतु|किंतु|但|但是|不过|然而|不過|しかし|ただし|하지만|그러나|다만|อย่างไรก็ตาม|แต่|אבל|אך"
)
# How a text is divided, and clauses that tell something although they begin like a guess or with a pronoun.
QUOTED = re.compile(r"[\"“„«「『‹]([^\"“”„«»「」『』‹›]{1,200})[\"”“»」』›]")
SENTENCE_END = re.compile(
    r"(?<=[.!?…])(?<!\b[A-Z]\.)(?<!\b(?:Mr|Dr|St|Lt|Fr|Sr|Jr|vs)\.)(?<!\b(?:Mrs|Col|Gen|Cpl|Pvt|Rev|Sgt|Hon)\.)(?<!\b(?:Capt|Prof)\.)\s+|[。！？؟।]\s*|\s+[-*•–—]\s+(?=[\"*]*[A-ZÀ-Þ])|\s*\|\s*|\s+\d+[.)]\s+|\s*;\s+|；|(?<=[\w*)\"]):\s+|：|🤷"
)
CLAUSE_END = re.compile(rf"\s*(?:,\s+|\s[–—-]\s|[，、،])\s*|\s+(?=(?:{ADVERSATIVES})\b)", re.IGNORECASE)
ADVERSATIVE = re.compile(rf"(?:{ADVERSATIVES})\b", re.IGNORECASE)
STATES = re.compile(
    r"^(?:[Pp]lease|I (?:think|believe|assume|guess|gather)|[Ii]t (?:seems|appears|is likely)|[Pp]robably|[Pp]resumably|[Pp]erhaps)\b.* (?:is|are|was|were) (?:an?|the|held|shown|seen|worn)\b"
)
# Clauses that begin an indirect question: Kdo je Tormund Vail, nevím.
INTERROGATIVE = re.compile(
    r"(?:who|what|whether|wer|was|wie|qui|qui[ée]n(?:es)?|quem|chi|kdo|kto|kim|vem|hvem|kuka|keitä|ki|kik|cine|siapa|кто|хто|кой|ποιος|ποια|ko|tko|kas|kes) (?:(?:\w+ )?(?:is|are|was|ist|sind|est|sont|es|son|é|são|è|sono|je|jsou|sú|jest|är|er|on|ovat|az|este|sunt|są)\b|это|такой|такая|\w+ \w+)",
    re.IGNORECASE,
)
APPOSITION = re.compile(r"(?:an?|the|eine?|une?|una?|el|la|een|en|ett) ", re.IGNORECASE)
PRONOUN = re.compile(
    r"(?:but |and |yet |however |still )?(?:he|she|they|it|his|her|its|their|er|il|elle|él|ella|ele|ela|hij|zij|han|hon|hun|hän|он|она|він|вона) (?!(?:may|might|could|is (?:not|possible|un)|seems?|appears?)\b)",
    re.IGNORECASE,
)
# Words about the caption and the task, which say nothing about an entity.
META_WORDS = word_set(
    "name names named person persons people individual individuals entity entities information info caption captions photo photograph image picture "
    "context details detail public publicly specific known unknown real fictional character figure figures place places organization organisation "
    "mentioned given provided available general private data record records identity identify identification explain explanation description describe "
    "answer question request text input model assistant knowledge source sources reliable accurate particular certain further additional more any some "
    "someone somebody anyone something anything nothing one no yes please sorry unfortunately however but because since so if though although also just only "
    "i me my mine myself you your yours we us our it its he him his she hers they them theirs this that these those there here what who whom whose which when where why how "
    "do does did done doing is am are was were be been being have has had having can could will would shall should may might must not don doesn didn isn aren wasn weren couldn won wouldn hasn haven t s re ve ll d m "
    "know knew knows tell tells say says find found give gives get gets see seen look looks looked make makes help helps able unable possible impossible likely perhaps maybe "
    "recommend suggest check consult encyclopedia internet online search website websites archives archive library become since local sounds looking forward "
    "very really quite too even still yet well best good better sure exactly actually simply alone either neither nor both all each every none other another others same such "
    "two three four many several few lot bit much most about regarding concerning based according through within without into onto out up down off again then than as at by for from in of on or to with and the a an "
    "time date current currently up information's mention mentions refers refer referred referring contain contains contained include includes note event location term word words news article title "
    "widely documented recognized recognised recognizable familiar notable famous significant limited enough insufficient correct clear verify verified confirm confirmed "
    "anhand bild bildes unterschrift personen personne personnes légende pessoa pessoas legenda persona personas leyenda pie foto osoba osoby osobu"
)
TRIGGERS = word_set(
    "i im me my myself sorry apologies apologize apologise apology unknown no not cannot unable nothing neither nobody none unclear please you your insufficient unfamiliar unidentified unavailable "
    "undetermined undocumented uncertain unsure difficult impossible hard assistant ai error n a na null lacking lack limited unfortunately regrettably who which what without beyond isn don doesn couldn can t send upload understood ready help policy guidelines clue never consult recommend fictional fictitious irresponsible inappropriate "
    "let talk search need guess radar bells anyone anybody avoid discuss little mystery enigma results placeholder tbd tba"
) - {"a", "who", "which", "what", "can", "hard", "n"}
# One of these, without diacritics, is in all texts that decline in another language of Latin script.
TRIGGERS_ELSEWHERE = word_set(
    "nicht kein keine keinen keiner keines keinem keinerlei nichts unbekannt unbekannte unbekannter unbekanntes leider leid bitte entschuldigung entschuldigen ahnung unklar schwer "
    "pas aucun aucune rien ne n inconnu inconnue inconnus inconnues desole desolee navre navree impossible difficile ignore j'ignore veuillez jamais regrette "
    "no siento lamento lamentablemente desconocido desconocida desconocidos desconocidas desconoce desconozco ningun ninguna imposible dificil sin perdon disculpa disculpe ignoro ignora favor "
    "nao desculpe desculpa infelizmente sinto desconheco desconhecido desconhecida desconhecidos nenhum nenhuma impossivel sem ia "
    "non purtroppo dispiace spiacente nessun nessuna impossibile sconosciuto sconosciuta sconosciuti ignoto ignota ignoti favore "
    "niet geen niets helaas spijt sorry excuses onbekend onbekende onduidelijk alstublieft "
    "inte ingen inga inget ikke ingenting intet ikkje tyvarr beklagar forlat ledsen dessverre beklager unnskyld desvaerre undskyld okand okanda okant ukjent ukjente ukendt ukendte omojligt oklart uklart vanligen vennligst "
    "ei eika eivat en valitettavasti pahoittelen pahoittelut anteeksi pahoillani tuntematon tuntemattomia kahjuks pole puudub puuduvad tundmatu "
    "nem nincs nincsen nincsenek sem sajnos sajnalom sajnalattal elnezest bocsanat ismeretlen kerem "
    "nie brak brakuje niestety przepraszam przykro trudno wybacz nieznany nieznana nieznane nieznani prosze "
    "bohuzel omlouvam omluvte lito prominte zel bohuzial zial ospravedlnujem prepacte luto lutujem zal oprostite zao nazalost oprosti ispricavam nevim neznam nemam nemohu nemuzu nejsem nedokazu nenasel neni nejsou nelze nebylo nepodarilo neexistuji neexistuje nezna nevime "
    "nerikaji nerika nehovoria neviem nepoznam nemozem neobsahuje ne ni nimam nisam nije nema zadne ziadne zadna nikakve nikakvih nobenih neznamy neznama nezname neznamo tezko tazko nepoznat nepoznata neznan neznana prosim "
    "nu pacate scuze regret necunoscut necunoscuta sento malauradament desconegut nav diemzel atvainojiet nezinams deja atsiprasau neturiu nezinau nepazistu nera negaliu nezinoma nuk fatkeqesisht keq "
    "uzgunum maalesef yazik dilerim kusura yok yoktur bulunmuyor bulunmamaktadir bulamadim bulunamadi degil degilim bilmiyorum tanimiyorum bilinmiyor bilinmeyen bilinmemektedir bilemiyorum tanimlayamiyorum taniyamiyorum olamam olamiyorum belirlenemiyor soyleyemem belirsiz edilemedi aciklayamam veremem lutfen teessuf bagislayin bilmirem tanimiram "
    "tidak belum tak tiada bukan kurang maaf sayangnya mohon silakan khong chua chang xin tiec vui paumanhin pasensya ikinalulungkot kasamaang wala walang hindi samahani sina sijui simjui simfahamu siwezi hakuna hajulikani haijulikani jammer nie "
    "unknown na null none sorry "
    "podria podrias podrian potrebbe potresti poderia konnten konntest koennten pourriez pourrais kunt zou moglby mohl muzete mozete tudna voisitko voitko verebilir misiniz misin berikan asing "
    "carezco ninguno mig meg etmiyor desconegut putea ati kunne kunde skulle"
)
