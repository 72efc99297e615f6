"""Words that say little about which name is meant: common parts of names, and nouns that captions begin with."""

# ruff: noqa: E501
from entityclip.contract.words import word_set

# Words that many names share.
COMMON_PARTS = word_set(
    "lake mount mountain mt river sea ocean bay gulf cape island islands isle valley hill hills forest desert beach coast canal falls glacier volcano "
    "north south east west northern southern eastern western central upper lower new old great grand royal national international federal state states united "
    "republic kingdom empire city town village county district province region street road avenue square plaza park garden gardens bridge tower gate castle palace "
    "fort house hall church cathedral basilica abbey chapel temple mosque monastery shrine museum gallery library theatre theater opera university college school "
    "institute academy hospital airport station port harbour harbor stadium arena centre center market hotel building monument memorial cemetery world cup olympic "
    "olympics games championship championships league tournament festival award awards prize conference summit council committee commission court parliament assembly "
    "congress senate ministry department office agency bureau union association organization organisation society foundation party club team fc ac sc army navy force "
    "forces police bank company group corporation inc ltd band orchestra quartet first second third day week night annual san santa los las el st rue place plage "
    "lac mont platz strasse kirche schloss dom most ulica plac rio monte ville war revolution movement campaign project mission tour open race marathon derby express"
)
# At a sentence's start, capitals tell nothing; these words are no names there.
COMMON_STARTS = word_set(
    "people man men woman women boy girl child children student students police officer soldiers soldier troops protesters demonstrators supporters fans workers "
    "residents tourists visitors members players passengers firefighters rescuers voters migrants refugees villagers crowd crowds view aerial portrait statue interior "
    "exterior photo photograph picture image painting poster map drawing sketch scene sunset sunrise night morning inside outside front back left right young old two "
    "three four five several many some debate meeting opening ceremony wedding funeral parade match game race protest rally march concert exhibition debris damage smoke "
    "fire flood flooding snow rain storm ruins remains entrance street traffic cars boats ships train trains planes workers farmers fishermen dancers musicians singer "
    "actor actress author artist director designer model player footballer coach captain general colonel major team members delegates leaders officials bust grave tomb "
    "detail close closeup panorama skyline team wreaths illustration"
)
OCCUPATIONS = COMMON_STARTS | word_set(
    "striker goalkeeper midfielder defender forward winger pianist violinist composer conductor painter poet novelist writer journalist photographer comedian presenter "
    "politician scientist physicist chemist astronaut sprinter swimmer boxer golfer rapper drummer guitarist songwriter filmmaker architect inventor explorer philosopher "
    "emperor empress duke duchess count baron sultan sheikh rabbi father mother brother sister uncle aunt nicknamed"
)
