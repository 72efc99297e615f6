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
# What names are about: of a name with further words, one of these alone says little (a gymnast, a gymnastics centre).
TOPICS = word_set(
    "gymnastics athletics swimming football basketball baseball cricket rugby hockey tennis golf cycling skating skiing rowing boxing wrestling choir gospel broadcasting "
    "television radio news newspaper fashion film films music jazz dance ballet theatre art arts science sciences history technology health nature wildlife"
)
OCCUPATIONS = COMMON_STARTS | word_set(
    "striker goalkeeper midfielder defender forward winger pianist violinist composer conductor painter poet novelist writer journalist photographer comedian presenter "
    "politician scientist physicist chemist astronaut sprinter swimmer boxer golfer rapper drummer guitarist songwriter filmmaker architect inventor explorer philosopher "
    "emperor empress duke duchess count baron sultan sheikh rabbi father mother brother sister uncle aunt nicknamed"
)
# What leads a person's name and says nothing about who it is, in English and other languages.
ROLES = OCCUPATIONS | word_set(
    "archbishop patriarch ayatollah emir king queen prince princess pope president minister chancellor premier senator mayor governor ambassador congressman congresswoman "
    "admiral marshal lieutenant major corporal private pilot captain skipper manager boss ceo founder owner editor lawyer attorney prosecutor sheriff detective inspector "
    "detainee suspect defendant victim widow wife husband son daughter brother sister star legend icon hero champion winner medalist medallist olympian athlete runner cyclist "
    "wrestler skier skater tennis basketball football soccer baseball cricket rugby hockey quarterback pitcher batsman catcher referee umpire jockey driver racer rider "
    "soprano tenor baritone cellist guitarist bassist dj ballerina choreographer dancer chef model sculptor illustrator cartoonist playwright dramatist historian economist "
    "biologist mathematician engineer doctor surgeon nurse teacher professor activist campaigner dissident rebel leader opposition candidate nominee incumbent spokesman spokeswoman "
    "spokesperson commander chief deputy minister undersecretary secretary general ambassador envoy mediator monk nun priest vicar missionary lama sultan shah tsar czar kaiser "
    "chairman chairwoman lawmaker councillor councilor alderman commissioner treasurer bundeskanzler bundeskanzlerin bundesprasident kanzler kanzlerin prasident prasidentin minister ministerin ministerprasident "
    "ministerprasidentin bundesrat bundesratin nationalrat nationalratin standerat standeratin landrat landratin aussenminister aussenministerin innenminister finanzminister verteidigungsminister verteidigungsministerin generalsekretar generalsekretarin burgermeister burgermeisterin oberburgermeister konig "
    "konigin prinz prinzessin papst bischof erzbischof kardinal trainer trainerin torwart torhuter sturmer spieler schauspieler schauspielerin sanger sangerin regisseur regisseurin "
    "schriftsteller schriftstellerin maler malerin dirigent pianist pianistin astronaut parteichef vorsitzender senatorin "
    "ministre presidente presidenta premiere chanceliere chancelier maire roi reine prince princesse pape eveque archeveque depute deputee senateur ecrivain peintre chanteur chanteuse acteur actrice realisateur "
    "realisatrice entraineur entraineuse gardien attaquant general ministro ministra canciller alcalde alcaldesa rey reina principe princesa papa obispo arzobispo cardenal diputado diputada senador senadora "
    "escritor escritora pintor pintora cantante actor actriz entrenador entrenadora portero delantero futbolista cancelliere sindaco sindaca regina vescovo arcivescovo cardinale deputato onorevole scrittore "
    "scrittrice pittore cantante attore attrice regista allenatore portiere attaccante prefeito prefeita governador governadora rei rainha bispo arcebispo deputado cantor cantora ator atriz treinador goleiro "
    "atacante koning koningin prins prinses paus bisschop aartsbisschop burgemeester wethouder kamerlid staatssecretaris schrijver schilder zanger zangeres acteur doelman spits bondscoach statsminister "
    "utrikesminister kung drottning kronprins statsrad prezydent premier burmistrz krol krolowa ksiaze papiez biskup prezident premier krol kral starosta miniszterelnok elnok cumhurbaskani basbakan bakan "
    "presiden menteri gubernur walikota raja ratu"
)
# A name with a word of one of these is no name with a word of the other: Lake Victoria, Queen Victoria.
OF_PERSONS = word_set(
    "king queen prince princess pope bishop archbishop cardinal president chancellor senator mother father sister brother sir dame lord lady mr mrs ms miss dr emperor empress tsar czar "
    "sultan duke duchess count countess konig konigin kaiser kaiserin roi reine rey reina regina koning koningin captain general colonel professor"
)
OF_PLACES = word_set(
    "lake river sea bay gulf cape mount island islands valley falls desert glacier volcano canal strait lac lago rio fluss isla insel"
)
# Surnames that are given names as often.
GIVEN_NAMES = word_set(
    "harrison martin james jordan taylor scott thomas kelly ryan cameron allen arnold bruce carter clark craig curtis dean douglas elliott glenn graham grant gordon henry howard jackson "
    "keith kim lee leslie lewis lloyd logan madison marshall mason maxwell mitchell morgan murray nelson neil owen parker paul perry reed riley ross russell sidney spencer stanley stewart "
    "stuart todd travis tyler vernon vincent wallace walker warren wayne wilson kennedy lincoln hunter harper harvey hudson jefferson david george daniel francis simon alexander albert"
)
# Names that begin longer ones, each with the word by which another person is meant.
LONGER_NAMES = {
    frozenset({"martin", "luther"}): "king",
    frozenset({"george", "washington"}): "carver",
    frozenset({"john", "paul"}): "jones",
    frozenset({"john", "wilkes"}): "booth",
    frozenset({"oliver", "wendell"}): "holmes",
}
# Titles before a person's name.
TITLES = OF_PERSONS - word_set("mother father brother sister general count colonel sultan")
# Given names that are places.
PLACES_AS_GIVEN_NAMES = word_set(
    "paris washington charlotte georgia florence austin sydney madison victoria savannah brooklyn dallas houston chelsea adelaide alexandria carolina virginia dakota israel jordan "
    "kenya chad india sienna verona vienna london phoenix lincoln jackson denver jersey milan santiago geneva odessa troy asia america china trinidad cairo rome roma hamilton "
    "wellington stirling orlando hudson aurora elizabeth helena augusta catania sofia medina salem lourdes belen valencia kingston camden raleigh montana tennessee cuba"
)
# What follows a place's name in names of things there: Paris Metro.
THINGS_OF_PLACES = word_set(
    "metro underground subway tram zoo aquarium pride stock exchange eye wall skytree agreement accord accords treaty protocol declaration conference mayor mayoral election elections "
    "fashion post times herald tribune gazette observer biennale biennial carnival oktoberfest philharmonic symphony suburb suburbs centre downtown metropolitan peninsula region texas united "
    "saint baptistery cathedral observatory planetarium grand prix ferry bus railway rail line loop riots protest protests attacks bombing bombings earthquake flood fire mint heights"
)
# What a text calls a place.
KINDS_OF_PLACES = word_set(
    "city town village country state capital province region county island metropolis municipality kingdom republic nation borough settlement river suburb "
    "stadt hauptstadt grossstadt dorf land bundesstaat staat bundesland insel gemeinde millionenstadt ville capitale pays village etat commune ile metropole "
    "ciudad capital pais estado pueblo isla municipio citta capitale paese stato isola comune stad hoofdstad dorp eiland gemeente cidade pais estado ilha"
)
COPULAS = word_set("is was lies ist war liegt est etait es era fue e are were became remains bleibt reste becomes ligt")
# Nouns and verbs of captions in languages without capitals, where any word might belong to a name.
COMMON_NOUNS = word_set(
    "رئيس الرئيس وزير الوزير رئيسة وزيرة ملك الملك ملكة أمير الأمير مدينة المدينة قرية عاصمة العاصمة شارع الشارع ساحة ميدان الساحة مقهى المقهى مطعم ملعب الملعب مباراة المباراة "
    "مظاهرة متظاهرون المتظاهرين احتجاج حفل الحفل مسرح المسرح مهرجان المهرجان معرض متحف المتحف مسجد المسجد كنيسة قصر القصر قلعة القلعة برج جسر سوق السوق مطار المطار محطة "
    "بحر البحر نهر جبل جزيرة صحراء لاعب اللاعب لاعبو فريق منتخب المنتخب كرة القدم مدرب ممثل الممثل ممثلة الممثلة مغني مغنية المغنية فنان الفنان فنانة كاتب الكاتب شاعر الشاعر "
    "مخرج صحفي جنود جندي قوات الجيش الشرطة شرطة مؤتمر اجتماع لقاء قمة زيارة خلال أثناء قرب بعد قبل أمام داخل خارج بين على في من إلى مع عن صورة يتحدث تتحدث يلتقي يصل يزور يحضر "
    "يلعب يغني تغني فيلم الفيلم مسلسل كأس العالم بطولة سينمائي السينمائي سينمائية السينمائية دولي الدولي الدولية وطني الوطني كبير كبيرة جديد نهائي دوري طفل أطفال امرأة نساء رجل رجال ناس سكان يوم عام "
    "وزیر شهر استاد بازی تیم ورزشگاه در از با به که این دیدار فیلم خیابان میدان موزه بازیگر خواننده نویسنده کارگردان مردم سفر "
    "נשיא נשיאת ראש ממשלה הממשלה שר שרת מלך מלכה עיר העיר רחוב כיכר בית קפה מסעדה אצטדיון משחק הפגנה מפגינים הופעה במה פסטיבל מוזיאון מסגד כנסייה ארמון מגדל גשר שוק נמל תעופה תחנה ים נהר הר "
    "אי שחקן שחקנית זמר זמרת סופר משורר במאי עיתונאי חיילים צבא משטרה ועידה פגישה ביקור סרט ילדים אישה גבר אנשים יום של על עם את "
    "राष्ट्रपति प्रधानमंत्री प्रधानमन्त्री मंत्री मुख्यमंत्री राजा रानी शहर गाँव गांव राजधानी सड़क चौक मैदान स्टेडियम मैच खेल रैली प्रदर्शन समारोह मंच संग्रहालय मंदिर मस्जिद महल किला पुल बाज़ार बाजार हवाई "
    "अड्डा स्टेशन समुद्र नदी पर्वत पहाड़ द्वीप खिलाड़ी टीम अभिनेता अभिनेत्री गायक गायिका लेखक कवि निर्देशक पत्रकार सैनिक सेना पुलिस सम्मेलन बैठक यात्रा फिल्म फ़िल्म बच्चे महिला पुरुष लोग दिन में के की का को से पर और "
    "ने है हैं साथ दौरान बाद नेता "
    "대통령 총리 장관 국왕 여왕 왕 왕자 시장 도시 수도 거리 광장 카페 식당 경기장 경기 시합 시위 시위대 콘서트 무대 축제 박물관 사원 교회 궁전 성 탑 다리 시장 공항 역 바다 강 산 섬 선수 팀 축구 야구 감독 배우 가수 "
    "작가 시인 기자 군인 군대 경찰 회의 회담 방문 영화 아이들 여성 남성 사람들 시상식 기자회견 공연 결승 월드컵 올림픽"
)
