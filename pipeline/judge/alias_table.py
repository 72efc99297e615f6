"""Names with several usual forms that no rule of spelling relates: one name a line, forms separated by commas.

Countries with their adjectives, large cities, organisations with their abbreviations in several languages, and persons
known by initials or another name. Forms are compared without case and diacritics.
"""

# ruff: noqa: E501, RUF001

ALIASES = """
usa,us,u.s.,united states,united states of america,america,american,americans,etats unis,estados unidos,stati uniti,vereinigte staaten,eeuu,сша,美国,アメリカ,미국
uk,united kingdom,great britain,britain,british,briton,england,royaume uni,reino unido,grossbritannien,regno unito,vereinigtes konigreich,英国,イギリス,영국
england,english,angleterre,inglaterra,inghilterra,anglia
scotland,scottish,scots,ecosse,schottland,escocia
wales,welsh,cymru
ireland,irish,eire,irland,irlande
france,french,frenchman,frankreich,francia,franca,francais,francaise,frankrijk,франция,法国,フランス,프랑스
germany,german,germans,deutschland,deutsch,deutsche,deutscher,allemagne,allemand,alemania,aleman,alemanha,germania,tedesco,niemcy,duitsland,германия,德国,ドイツ,독일
spain,spanish,spaniard,spanien,espagne,espana,espanol,spagna,hiszpania,испания,西班牙,スペイン,스페인
portugal,portuguese,portugiese
italy,italian,italien,italie,italia,italiano,wlochy,италия,意大利,イタリア,이탈리아
netherlands,dutch,holland,niederlande,pays bas,paises bajos,nederland,荷兰,オランダ
belgium,belgian,belgien,belgique,belgie,belgica,belgio
switzerland,swiss,schweiz,suisse,suiza,svizzera,瑞士,スイス
austria,austrian,osterreich,autriche
denmark,danish,dane,danes,danemark,dinamarca,danimarca,danmark
sweden,swedish,swede,swedes,schweden,suede,suecia,svezia,sverige,瑞典
norway,norwegian,norwegen,norvege,noruega,norvegia,norge
finland,finnish,finn,finns,finnland,finlande,suomi
iceland,icelandic,icelander,island
poland,polish,pole,poles,polen,pologne,polonia,polska,польша
czech republic,czechia,czech,tschechien,ceska,cesko
slovakia,slovak,slowakei,slovensko
hungary,hungarian,ungarn,hongrie,hungria,ungheria,magyarorszag
greece,greek,greeks,griechenland,grece,grecia,hellas,ellada,ελλαδα
turkey,turkish,turk,turks,turkei,turquie,turquia,turchia,turkiye,турция
russia,russian,russland,russie,rusia,rossiya,россия,俄罗斯,ロシア,러시아
ukraine,ukrainian,ukraina,украина,україна
croatia,croatian,croat,kroatien,hrvatska
serbia,serbian,serb,serbien,srbija
albania,albanian,shqiperia
romania,romanian,rumanien,roumanie
soviet union,soviet,ussr,sowjetunion,urss,udssr,ссср,советский союз
china,chinese,chine,cina,中国,중국
japan,japanese,japon,giappone,日本,일본
korea,korean,koreans,coree,corea
south korea,republic of korea,rok
north korea,dprk,democratic people s republic of korea
taiwan,taiwanese,formosa
vietnam,vietnamese,viet nam
thailand,thai,siam
philippines,filipino,filipina,philippine
burma,myanmar,burmese
cambodia,cambodian,khmer,kampuchea
india,indian,bharat,indien,inde
bangladesh,bangladeshi
pakistan,pakistani
afghanistan,afghan,afghans
iran,iranian,persia,persian
iraq,iraqi
israel,israeli
palestine,palestinian
lebanon,lebanese,liban,libano
egypt,egyptian,egyptians,agypten,egypte,egipto,egitto,egipt,misr,египет,埃及,エジプト,이집트,مصر,מצרים
morocco,moroccan,maroc,marruecos,marokko
ivory coast,ivorian,ivorians,cote d ivoire,cote ivoire,elfenbeinkuste,costa de marfil,costa d avorio,costa do marfim,ivoorkust,fildisi sahili
congo,congolese,drc,kongo,congolais,rdc,刚果
ethiopia,ethiopian,abyssinia
eswatini,swaziland,swazi
south africa,south african,sudafrika,afrique du sud
brazil,brazilian,bresil,brasil,brasilien
argentina,argentine,argentinian,argentinien,argentine
chile,chilean
peru,peruvian
mexico,mexican,mexique,mexiko
cuba,cuban,kuba
canada,canadian,kanada
new zealand,new zealander,kiwi,aotearoa
australia,australian,aussie
uae,united arab emirates,emirati
saudi arabia,saudi
europe,european,europa
africa,african
asia,asian
eu,european union,ue,union europeenne,union europea
un,united nations,onu,nations unies,naciones unidas,nacoes unidas,nazioni unite,vereinte nationen,vereinten nationen,vereinter nationen,verenigde naties,vn,birlesmis milletler,bm,fn,forenta nationerna,forenede nationer,forente nasjoner,narodow zjednoczonych,onz,osn,ensz,pbb,perserikatan bangsa bangsa,lien hop quoc,оон,организация объединенных наций,联合国,聯合國,国連,유엔,الأمم المتحدة,האום
nato,north atlantic treaty organization,north atlantic treaty organisation,otan,north atlantic alliance
who,world health organization,world health organisation,oms
imf,international monetary fund,fmi
icrc,international committee of the red cross,cicr,ikrk
red cross,croix rouge,rotes kreuz,cruz roja
msf,medecins sans frontieres,doctors without borders,arzte ohne grenzen
nasa,national aeronautics and space administration
esa,european space agency
iss,international space station
fifa,federation internationale de football association
uefa,union of european football associations
ioc,international olympic committee
nba,national basketball association
nfl,national football league
cia,central intelligence agency,geheimdienst der usa
fbi,federal bureau of investigation
nsa,national security agency
kgb,committee for state security
mit,massachusetts institute of technology
ucla,university of california los angeles
cern,european organization for nuclear research
bbc,british broadcasting corporation
anc,african national congress
ira,irish republican army
plo,palestine liberation organization
idf,israel defense forces,israeli army
gop,republican party
psoe,spanish socialist workers party,partido socialista obrero espanol
spd,social democratic party of germany,sozialdemokratische partei deutschlands
cdu,christian democratic union
bundestag,german parliament,german federal parliament
knesset,israeli parliament
duma,russian parliament
kremlin,kreml
elysee,french presidential palace
la,los angeles
nyc,new york city,new york,big apple
dc,district of columbia,washington
jfk,kennedy,john f kennedy
lbj,lyndon johnson,lyndon b johnson
fdr,franklin roosevelt,franklin d roosevelt,roosevelt
mlk,martin luther king
ho chi minh city,saigon,sai gon,thanh pho ho chi minh
rangoon,yangon
bombay,mumbai
madras,chennai
calcutta,kolkata,kalkutta
bangalore,bengaluru
peking,beijing,pekin,pechino,北京
canton,guangzhou
nanking,nanjing
tokyo,tokio,東京
kyiv,kiev,kiew
kharkiv,kharkov,charkiw
lviv,lvov,lemberg,lwow
odesa,odessa
moscow,moskva,moskau,moscou,moscu,mosca,moskwa,moszkva,moskova,muscovite,muscovites,moscovite,moskauer,москва,москве,москвы,莫斯科,モスクワ,모스크바,موسكو,מוסקבה
st petersburg,saint petersburg,leningrad,petrograd,sankt peterburg,санкт петербург
istanbul,constantinople,konstantinopel,byzantium,estambul,istanbullu,stambul,伊斯坦布尔,اسطنبول,إسطنبول
ankara,angora
izmir,smyrna
athens,athen,athenes,atenas,atene,athina,athenian,athenians,ateny,atina,αθηνα,αθηναι,雅典,アテネ,أثينا
thessaloniki,salonica,saloniki
rome,roma,rom,rzym,rim,roman,romans,romain,romaine,romano,romana,romisch,romische,romischen,romer,рим,罗马,羅馬,ローマ,로마,روما,רומא
florence,firenze,florenz,florencia,florentine,florentines,fiorentino,fiorentina,florentiner,florentin,florencja,佛罗伦萨,フィレンツェ
venice,venezia,venedig,venise,venecia,veneza,wenecja,benatky,venedik,venetian,venetians,veneziano,venezianisch,venezianische,venezianischen,venezianischer,venitien,venitienne,veneciano,威尼斯,ヴェネツィア
milan,milano,mailand,milanese,milanais,mailander,mediolan,milaan,米兰,ミラノ
naples,napoli,neapel,napoles,neapol,neapolitan,neapolitans,napoletano,napolitain,napolitano,neapolitaner,那不勒斯
turin,torino,turinese,turyn,turim
genoa,genova,genua,genes,genoese,genovese
padua,padova,paduan
sicily,sicilia,sizilien,sicile,sicilian,sicilians,sycylia,siciliano,sizilianisch
tuscany,toscana,toskana,tuscan,toscane
munich,munchen,monachium,monaco di baviera,mnichov,munchner,munchener,慕尼黑,ミュンヘン
cologne,koln,colonia,kolner,kolonia,keulen,科隆
nuremberg,nurnberg
vienna,wien,vienne,viena,wieden,viden,becs,wenen,viyana,viennese,viennois,viennoise,wiener,вена,维也纳,ウィーン,빈,فيينا
salzburg,salzbourg
geneva,geneve,genf,ginebra,ginevra,genebra,genevan,genevois,日内瓦
zurich,zuerich,zurigo
basel,bale,basle
lucerne,luzern
bern,berne
prague,praha,prag,praga,praag,prager,pragois,布拉格,プラハ,프라하,براغ
bratislava,pressburg,pozsony
brno,brunn
budapest,budapesht
warsaw,warszawa,warschau,varsovie,varsovia,varsavia,varso,varsovian,warschauer,华沙
krakow,cracow,krakau,cracovia
gdansk,danzig
wroclaw,breslau
czestochowa,tschenstochau
poznan,posen
lisbon,lisboa,lissabon,lisbonne,lisbona,lizbona,lisboeta,lisbonense,里斯本
seville,sevilla
zaragoza,saragossa
cordoba,cordova
la coruna,corunna,a coruna
copenhagen,kobenhavn,kopenhagen,copenhague,copenaghen,kopenhaga,kopenhamn,哥本哈根
gothenburg,goteborg
helsinki,helsingfors
turku,abo
oslo,christiania
brussels,bruxelles,brussel,brussel,bruselas
antwerp,antwerpen,anvers,amberes
ghent,gent,gand
bruges,brugge
liege,luik
the hague,den haag,la haye,la haya
aachen,aix la chapelle
strasbourg,strassburg
london,londres,londra,londyn,londyna,londen,londoner,londoners,londonien,londrina,лондон,伦敦,倫敦,ロンドン,런던,لندن,לונדון,लंदन
edinburgh,edimbourg,edimburgo
dublin,baile atha cliath
paris,parigi,paryz,pariz,parisian,parisians,parisien,parisienne,pariser,parijs,parizs,париж,巴黎,パリ,파리,باريس,פריז,पेरिस
marseille,marseilles,marsella
nice,nizza,niza
belgrade,beograd,belgrad
bucharest,bucuresti,bukarest
sofia,sofiya
zagreb,agram
ljubljana,laibach
dubrovnik,ragusa
vilnius,wilno,wilna
tallinn,reval
riga,riika
tbilisi,tiflis
yerevan,erevan,jerewan
cairo,al qahira,kairo,le caire,القاهرة
alexandria,al iskandariya
damascus,dimashq,damas,دمشق
aleppo,halab
jerusalem,yerushalayim,al quds,jerusalen,gerusalemme,jerozolima,kudus,耶路撒冷,القدس,ירושלים
mecca,makkah
medina,madinah
tehran,teheran
baghdad,bagdad
algiers,alger,argel
marrakesh,marrakech
tangier,tanger
khartoum,jartum
new delhi,delhi
havana,la habana,havanna
mexico city,ciudad de mexico,cdmx
rio de janeiro,rio
cape town,kaapstad,kapstadt
cape verde,cabo verde,kap verde
danube,donau,duna,dunav,dunaj
rhine,rhein,rhin,rijn
vltava,moldau
elbe,labe
alps,alpen,alpes,alpi
black forest,schwarzwald,foret noire
lake constance,bodensee
lake geneva,lac leman,genfersee
matterhorn,cervino,cervin
mont blanc,monte bianco
mount everest,everest,chomolungma,sagarmatha
mount fuji,fuji,fujisan,富士山
denali,mount mckinley
uluru,ayers rock
bavaria,bavarian,bavarians,bayern,bayerisch,bayerische,baviere,baviera,bawaria
saxony,sachsen
prussia,preussen
bohemia,bohemian,bohmen,boheme,cechy
moravia,mahren
silesia,schlesien,slask
catalonia,catalunya,cataluna,katalonien,catalan,catalans,catalogne,catalogna
basque country,euskadi,pais vasco
brittany,bretagne,breton,bretons,bretana
normandy,normandie,norman,normans,normand
lorraine,lothringen
charles bridge,karluv most,karlsbrucke
eiffel tower,tour eiffel,eiffelturm,torre eiffel,eiffeltoren,wieza eiffla,埃菲尔铁塔,エッフェル塔,에펠탑,برج إيفل
pink house,casa rosada
brandenburg gate,brandenburger tor
cologne cathedral,kolner dom
st peter s basilica,basilica di san pietro,petersdom
red square,krasnaya ploshchad,красная площадь,красной площади,roter platz,place rouge,plaza roja,piazza rossa
forbidden city,故宫,紫禁城
great wall,长城,万里长城
christopher columbus,cristobal colon,cristoforo colombo,colon,columbus
joan of arc,jeanne d arc,juana de arco,johanna von orleans
muhammad ali,cassius clay
mother teresa,mutter teresa,madre teresa
john paul ii,johannes paul ii,juan pablo ii,jan pawel ii,jean paul ii,giovanni paolo ii
francis,franziskus,francesco,francisco
benedict,benedikt,benedetto,benedicto
mark twain,samuel clemens
queen elizabeth,elizabeth ii,elisabeth ii,isabel ii
prince charles,charles iii
kim jong un,김정은,金正恩
xi jinping,习近平
mao zedong,mao tse tung,毛泽东
chiang kai shek,jiang jieshi
sun yat sen,sun zhongshan
confucius,kong fuzi,孔子
genghis khan,chinggis khaan
liverpool,liverpudlian,liverpudlians,scouse,scouser,scousers
manchester,mancunian,mancunians
glasgow,glaswegian,glaswegians
newcastle,geordie,geordies
birmingham,brummie,brummies
leeds,loiner
cambridge,cantabrigian
oxford,oxonian
cornwall,cornish
aberdeen,aberdonian
sydney,sydneysider,sydneysiders
melbourne,melburnian,melburnians
los angeles,angeleno,angelenos
new york,new yorker,new yorkers,nueva york,nova york,nowy jork,nova iorque,纽约,ニューヨーク,뉴욕,نيويورك,нью йорк
buenos aires,porteno,portenos,bonaerense
rio,carioca,cariocas
sao paulo,paulista,paulistano
madrid,madrilenian,madrileno,madrilena,madrilene,madrilenos,马德里
barcelona,barcelonan,barcelones,barceloneses,barcelonais,barca
seville,sevilla,sevillian,sevillano,sevillana,siviglia
valencia,valencian,valenciano
andalusia,andalucia,andalusian,andalou,andaluz,andalusien
castile,castilla,castilian,kastilien
galicia,galician,gallego
basque country,basque,basques,euskadi,pais vasco,baskenland
navarre,navarra,navarrese
aragon,aragonese
burgundy,bourgogne,burgundian,burgund,borgona
provence,provencal
corsica,corsican,corse,korsika,corcega
alsace,alsatian,elsass
savoy,savoie,savoyard,savoia
flanders,flemish,vlaanderen,flandre,flandern,flandes,vlaams
wallonia,walloon,wallonie
bruges,brugge,brugeois
lyon,lyonnais,lyons,lione
marseille,marseilles,marseillais,marsella,marsiglia
nice,nicois,nicoise
bordeaux,bordelais
toulouse,toulousain
lille,rijsel,lillois
sardinia,sardinian,sardegna,sardinien,sardaigne,cerdena
lombardy,lombardia,lombard,lombardei
bologna,bolognese
parma,parmesan
siena,sienese
pisa,pisan
trieste,triestine
crete,cretan,kreta,creta
cyprus,cypriot,cypriots,zypern,chypre,chipre,cipro,kibris
rhodes,rhodos,rhodian
sparta,spartan,spartans
thebes,theban
troy,trojan,trojans,troja,troie
carthage,carthaginian,karthago
hamburg,hamburger,hambourg,hamburgo,amburgo
berlin,berliner,berliners,berlino,berlim,berlino,柏林,ベルリン,베를린,برلين,ברלין,берлин
hanover,hannover,hanovre
westphalia,westfalen,westphalian
hesse,hessen,hessian
swabia,schwaben,swabian
franconia,franken,franconian
rhineland,rheinland
saxony,sachsen,saxon,saxons,saxe,sajonia,sassonia
tyrol,tirol,tyrolean,tirolese,tiroler
carinthia,karnten
styria,steiermark
dalmatia,dalmatian,dalmacija
bosnia,bosnian,bosniak,bosnien,bosnie
herzegovina,hercegovina,herzegowina
kosovo,kosovar,kosovars,kosova
transylvania,transylvanian,siebenburgen,transilvania
wallachia,wallachian,walachei
chechnya,chechen,chechens,tschetschenien,tchetchenie
crimea,crimean,krim,krym,crimee
dagestan,dagestani
circassia,circassian
tibet,tibetan,tibetans,西藏
mongolia,mongolian,mongol,mongols,mongolei,mongolie
manchuria,manchurian
hong kong,hongkonger,hong konger,hongkongers,香港,홍콩
shanghai,shanghainese,上海,상하이
singapore,singaporean,singaporeans,singapur,singapour,新加坡
malaysia,malaysian,malay,马来西亚
indonesia,indonesian,indonesien,印度尼西亚
bali,balinese
java,javanese
punjab,punjabi,pendjab
bengal,bengali,bengalen
kashmir,kashmiri,kaschmir,cachemire
goa,goan
sri lanka,sri lankan,ceylon,ceylonese
nepal,nepalese,nepali
bhutan,bhutanese
maldives,maldivian,malediven
laos,lao,laotian
goteborg,gothenburg
lapland,laplandish,lappland,sapmi,sami
greenland,greenlandic,greenlander,gronland,grønland,kalaallit nunaat,groenlandia
faroe islands,faroe,faroese,foroyar,faroer
isle of man,manx
jersey,jerseyman
guernsey,guernseyman
malta,maltese,malte
monaco,monegasque
luxembourg,luxembourger,luxemburg,letzebuerg
liechtenstein,liechtensteiner
san marino,sammarinese
vatican,vatikan,vaticano,holy see,梵蒂冈
bahamas,bahamian
barbados,barbadian,bajan
trinidad,trinidadian
saint kitts,kittitian
saint lucia,lucian
argentina,argentine,argentinien,argentinean
dominican republic,republica dominicana,dominikanische republik,republique dominicaine
puerto rico,puerto rican,boricua
haiti,haitian,haitians
honduras,honduran
el salvador,salvadoran
guatemala,guatemalan
costa rica,costa rican,tico
panama,panamanian
ecuador,ecuadorian,ecuadorean
venezuela,venezuelan
quebec,quebecois,quebecker,quebecer
newfoundland,newfoundlander
nova scotia,nova scotian
texas,texan,texans
michigan,michigander
hawaii,hawaiian,hawai
massachusetts,bay stater
florida,floridian
california,californian,kalifornien,californie
somalia,somali,somalis
djibouti,djiboutian
madagascar,malagasy,madagaskar
botswana,motswana,batswana
lesotho,basotho
zimbabwe,zimbabwean,rhodesia
burkina faso,burkinabe,upper volta
niger,nigerien
senegal,senegalese
togo,togolese
benin,beninese,dahomey
gabon,gabonese
kuwait,kuwaiti
qatar,qatari
oman,omani
yemen,yemeni,jemen
bahrain,bahraini
syria,syrian,syrien,syrie,siria,suriye,سوريا,叙利亚
jordan,jordanian,jordanien
libya,libyan,libyen,libye
tunisia,tunisian,tunesien,tunisie
algeria,algerian,algerien,algerie
sudan,sudanese
kazakhstan,kazakh
kyrgyzstan,kyrgyz
tajikistan,tajik
turkmenistan,turkmen
uzbekistan,uzbek
armenia,armenian,hayastan
belarus,belarusian,weissrussland,bielorussie
moldova,moldovan,moldau
lithuania,lithuanian,litauen,lituanie,lietuva
latvia,latvian,lettland,lettonie,latvija
estonia,estonian,estland,eesti
slovenia,slovene,slovenian,slowenien,slovenija
montenegro,montenegrin,crna gora
north macedonia,macedonia,macedonian,mazedonien
bulgaria,bulgarian,bulgarien,bulgarie
oas,organization of american states,organisation of american states,oea,organizacion de los estados americanos,organisation amerikanischer staaten,organisation des etats americains
osce,organization for security and co operation in europe,organization for security and cooperation in europe,osze,organisation fur sicherheit und zusammenarbeit in europa,obwe
oecd,organisation for economic co operation and development,ocde,organisation de cooperation et de developpement economiques
opec,organization of the petroleum exporting countries,opep,organisation erdolexportierender lander
iaea,international atomic energy agency,iaeo,aiea,oiea,internationale atomenergie organisation
wto,world trade organization,world trade organisation,omc,welthandelsorganisation,organisation mondiale du commerce,organizacion mundial del comercio
world bank,weltbank,banque mondiale,banco mundial,banca mondiale,世界银行
who,world health organization,weltgesundheitsorganisation,organisation mondiale de la sante,organizacion mundial de la salud,организация здравоохранения,世界卫生组织
imf,international monetary fund,internationaler wahrungsfonds,iwf,fonds monetaire international,fondo monetario internacional,国际货币基金组织
eu,european union,europaische union,europaischen union,union europeenne,union europea,uniao europeia,unione europea,europese unie,avrupa birligi,ab,unia europejska,ue,欧盟,欧州連合,유럽연합
european parliament,europaisches parlament,europaparlament,parlement europeen,parlamento europeo
european commission,europaische kommission,eu kommission,commission europeenne,comision europea
ecb,european central bank,ezb,europaische zentralbank,bce,banque centrale europeenne,banco central europeo
unesco,united nations educational scientific and cultural organization
unicef,united nations children s fund,kinderhilfswerk
unhcr,un refugee agency,united nations high commissioner for refugees,acnur,fluchtlingshilfswerk
african union,au,afrikanische union,union africaine,union africana
arab league,league of arab states,arabische liga,ligue arabe,liga arabe,الجامعة العربية
amnesty international,amnesty,ai
greenpeace,绿色和平
supreme court,oberster gerichtshof,cour supreme,corte suprema,tribunal supremo,supremo tribunal,hoge raad,最高法院,верховный суд
white house,weisses haus,weissen haus,weisse haus,maison blanche,casa blanca,casa bianca,casa branca,beyaz saray,witte huis,bialy dom,bily dum,feher haz,vita huset,det hvide hus,gedung putih,белый дом,белого дома,белом доме,白宫,ホワイトハウス,백악관,البيت الأبيض,הבית הלבן,व्हाइट हाउस
blue mosque,sultan ahmet camii,sultanahmet,sultan ahmed mosque,blaue moschee
hagia sophia,ayasofya,aya sofya,santa sofia,sainte sophie,agia sofia
forbidden city,故宫,紫禁城,verbotene stadt,cite interdite,ciudad prohibida
great wall,长城,万里长城,chinesische mauer,grande muraille,gran muralla,muraglia cinese
statue of liberty,freiheitsstatue,statue de la liberte,estatua de la libertad,statua della liberta,estatua da liberdade,ozgurluk heykeli,vrijheidsbeeld,statua wolnosci,frihetsgudinnan,自由女神像,자유의 여신상,статуя свободы,تمثال الحرية
christ the redeemer,cristo redentor,christ redempteur,christus statue
leaning tower,torre pendente,schiefer turm,schiefe turm,tour de pise,torre inclinada,torre di pisa
colosseum,coliseum,colosseo,kolosseum,colisee,coliseo,斗兽场,コロッセオ,콜로세움
pantheon,panteon
parthenon,partenon
acropolis,akropolis,acropole
sistine chapel,cappella sistina,sixtinische kapelle,chapelle sixtine,capilla sixtina
st mark s square,piazza san marco,markusplatz,place saint marc
trevi fountain,fontana di trevi,trevibrunnen
notre dame,巴黎圣母院,ノートルダム
arc de triomphe,triumphbogen,arco de triunfo,凯旋门
sagrada familia,holy family
berlin wall,berliner mauer,mur de berlin,muro de berlin,muro di berlino,柏林墙
wailing wall,western wall,kotel,klagemauer,mur des lamentations,muro de las lamentaciones
dome of the rock,felsendom,dome du rocher,cupula de la roca,قبة الصخرة
temple mount,tempelberg,haram al sharif
dead sea,totes meer,mer morte,mar muerto,البحر الميت,ים המלח
black sea,schwarzes meer,mer noire,mar negro,karadeniz,черное море,чёрное море
red sea,rotes meer,mer rouge,mar rojo,البحر الأحمر
baltic sea,baltic,ostsee,mer baltique,mar baltico,ostersjon,itameri,baltyk
north sea,nordsee,mer du nord,noordzee,mar del norte,nordsjon
mediterranean,mittelmeer,mediterranee,mediterraneo,akdeniz,地中海
caspian sea,kaspisches meer,mer caspienne,hazar
english channel,la manche,armelkanal,canal de la mancha
pacific,pazifik,pacifique,pacifico,太平洋
atlantic,atlantik,atlantique,atlantico,大西洋
himalaya,himalayas,himalayan,喜马拉雅
pyrenees,pyrenaen,pirineos,pirenei
nile,nil,nilo,النيل
ganges,ganga,gange
yangtze,yangzi,chang jiang,长江
yellow river,huang he,黄河
amazon,amazonas,amazone,amazonian
thames,themse,tamise,tamesis,tamigi
seine,sena,senna
tiber,tevere,tibre
volga,wolga
dnieper,dnipro,dnepr
niagara falls,niagarafalle,chutes du niagara,cataratas del niagara
victoria falls,mosi oa tunya,victoriafalle
easter island,rapa nui,isla de pascua,osterinsel,ile de paques
canary islands,canaries,islas canarias,kanarische inseln,kanaren
balearic islands,balearics,islas baleares,balearen
mallorca,majorca,mallorquin
ibiza,eivissa
cape of good hope,kap der guten hoffnung
persian gulf,persischer golf,golfe persique,golfo persico
sahara,saharan
pyramids,pyramiden,pyramides,piramides,piramidi,金字塔,ピラミッド
sphinx,esfinge,sfinge
tutankhamun,tutankhamen,tutanchamun,toutankhamon,king tut
nefertiti,nofretete
cleopatra,kleopatra,cleopatre
julius caesar,caesar,julio cesar,jules cesar,giulio cesare
alexander the great,alexandre le grand,alejandro magno
charlemagne,karl der grosse,carlomagno,carlo magno
napoleon,napoleone,bonaparte,拿破仑
catherine the great,catherine ii,katharina die grosse
peter the great,pierre le grand,pedro el grande
virgin mary,madonna,our lady
jesus,christ,jesus christ,jesucristo,jesucristo,gesu,jezus
buddha,gautama,siddhartha,佛陀
muhammad,mohammed,mohamed,mohammad,muhammed,mahomet,mohammad
hussein,husain,hossein,husayn,huseyin,hossain,hussain
osama,usama,oussama
homer,homere,homero,omero
plato,platon,platone
aristotle,aristoteles,aristote
socrates,sokrates,socrate
michelangelo,michel ange,miguel angel
leonardo da vinci,leonard de vinci,leonardo
titian,tizian,tiziano
raphael,raffael,raffaello
caravaggio,merisi
avicenna,ibn sina
averroes,ibn rushd
saladin,salah ad din,salah al din
gandhi,mahatma
che guevara,ernesto guevara
pele,edson arantes
lula,luiz inacio lula da silva
lady gaga,germanotta
madonna,ciccone
bono,paul hewson
sting,gordon sumner
prince charles,king charles,charles iii
prince william,prince of wales
kate middleton,princess of wales,catherine
pope francis,jorge bergoglio,bergoglio,papst franziskus,papa francesco,papa francisco,pape francois
pope john paul ii,karol wojtyla,wojtyla
pope benedict xvi,joseph ratzinger,ratzinger
pope leo xiv,robert prevost,prevost
dalai lama,tenzin gyatso,达赖喇嘛
deng xiaoping,teng hsiao ping,邓小平
zhou enlai,chou en lai,周恩来
kim jong il,김정일,金正日
kim il sung,김일성,金日成
moon jae in,문재인,文在寅
shinzo abe,安倍晋三
jackie chan,成龙,成龍,sing lung
bruce lee,李小龙,李小龍
yao ming,姚明
jack ma,马云
lee kuan yew,李光耀
hu jintao,胡锦涛
ai weiwei,艾未未
world cup,weltmeisterschaft,coupe du monde,copa mundial,copa del mundo,mundial,mondiali,wereldkampioenschap,wm,世界杯,ワールドカップ,월드컵,كأس العالم
champions league,ligue des champions,liga de campeones,欧冠
olympic games,olympics,olympische spiele,jeux olympiques,juegos olimpicos,giochi olimpici,olympiade,olympia,jogos olimpicos,olimpiyat oyunlari,igrzyska olimpijskie,奥运会,オリンピック,올림픽
tour de france,la grande boucle
formula one,formula 1,f1,formel 1
oktoberfest,wiesn
carnival,carnaval,karneval,fasching,carnevale
christmas,weihnachten,noel,navidad,natale
easter,ostern,paques,pascua
ramadan,ramazan
world war ii,second world war,wwii,ww2,zweiter weltkrieg,zweiten weltkrieg,seconde guerre mondiale,segunda guerra mundial
world war i,first world war,wwi,ww1,erster weltkrieg,ersten weltkrieg,premiere guerre mondiale,primera guerra mundial
nobel prize,nobelpreis,prix nobel,premio nobel,诺贝尔奖
new year,neujahr,nouvel an,ano nuevo
last supper,abendmahl,ultima cena,cene
starry night,sternennacht,nuit etoilee,noche estrellada
mona lisa,gioconda,joconde
louvre,卢浮宫,ルーヴル
prado,普拉多
hermitage,ermitage,eremitage
buckingham palace,buckingham,白金汉宫
versailles,凡尔赛
kremlin,kreml,kremlinology
big ben,elizabeth tower
tower bridge,伦敦塔桥
golden gate bridge,golden gate,金门大桥
times square,时代广场
taj mahal,tadsch mahal,泰姬陵,タージマハル
angkor wat,angkor vat
petra,البتراء
galata tower,galata kulesi
hollywood,好莱坞
red army,rote armee,armee rouge,ejercito rojo
islamic state,isis,isil,daesh,is
taliban,talibans,talibanes
hezbollah,hizbollah,hisbollah
hamas,حماس
labour party,labour
conservative party,conservatives,tories,tory
democratic party,democrats,democrat
republican party,republicans,republican
communist party,communists,kpd,kommunistische partei
green party,greens,die grunen
bayern munich,fc bayern,bayern munchen,拜仁
real madrid,los blancos,皇家马德里
fc barcelona,barca,blaugrana,巴塞罗那
manchester united,man united,man utd,mufc
manchester city,man city
paris saint germain,psg
borussia dortmund,bvb
juventus,juve
inter milan,internazionale
red bull,redbull
mercedes benz,mercedes,daimler
volkswagen,vw
"""
# Given names with short forms that begin with another letter, or are no prefix.
NICKNAMES = """
william,bill,billy,will,willy
robert,bob,bobby,rob
richard,dick,rick
elizabeth,liz,beth,betty,lisa,eliza
catherine,katherine,kate,cathy,kathy
margaret,maggie,peggy,meg
edward,ted,ed,eddie,teddy
john,jack,johnny,jon
henry,harry,hank
james,jim,jimmy,jamie
anthony,tony
charles,chuck
joseph,joe
michael,mike,mick
alexander,alex,sasha,aleksandr
francis,frank
"""
# Names that differ by an ending only, or sound alike, and are no forms of each other: groups separated by commas.
CONFUSED = """
niger nigerien nigeriens nigerois nigerina,nigeria nigerian nigerians nigeriane nigerianisch nigeriano
dominica dominicas,dominican dominicans dominicana dominicano dominikanische dominikanischen dominicaine
india indian indians indien inde indisch indische,indiana indianapolis
guinea guinean guinee,guyana guyanese guiana guayana
roman romans rome roma,romania romanian romanians rumanien roumanie rumania romanov
slovenia slovenian slovene slowenien slovenie,slavonia slavonian slawonien,slovakia slovak slowakei slovaquie
colombia colombian kolumbien colombie,columbia columbian columbus
austria austrian autriche,australia australian australie
latvia latvian,lydia
mauritius mauritian,mauritania mauritanian
georgia georgian georgien,georg george georges georgetown
victoria,victor victors victory viktor
alexandria alexandrian,alexander alexandra alexandre
mali malian,malay malaya malaysia malaysian
tonga tongan,tongo
china chinese,chino
samoa samoan,samos
angola angolan,angora
iceland icelandic,ireland irish
sweden swedish schweden,switzerland swiss schweiz
montana montanan,montane
virginia virginian,virgin
carolina carolinian,caroline carolyn
macedonia macedonian,macedon
cameron,cameroon cameroonian camerounais kamerun
merkel,markle
monet,manet
franco,french france
biden,baden
trump,tramp
thatcher,teacher
anderson,andersen andersson
tyrol tirol,tyre tyra
korea korean,koran
syria syrian,syracuse
monaco,morocco
kosovo,krakow
malta maltese,malaga
venice venetian,venezuela venezuelan
austin,austen augustin
lima,limerick
phoenix,phoenicia phoenician
hungary hungarian,hungry
persia persian,perseus
argentina,argentan
sofia,sophie
florence,florentina florida
siberia siberian,serbia serbian iberia
libya libyan,liberia liberian lebanon
gambia gambian,zambia zambian cambodia
jamaica jamaican,jamaal
granada,grenada grenadian grenadines
santiago,santander
oakland,auckland
brunei,brno brunel
tajikistan tajik,uzbekistan
moldova moldovan,maldives maldivian
nauru,naruto
galicia galician,galatia
valencia,valenciennes
"""
# Common parts of names, with which whole names are translated: the Blue Mosque is die Blaue Moschee.
TRANSLATIONS = """
blue,bleu,bleue,azul,blu,azzurro,blau,blaue,blauen,blauwe,mavi,blå,blåa,niebieski,błękitny,modrý,modrá,kék,biru
white,blanc,blanche,blanco,blanca,bianco,bianca,branco,branca,weißes,weiße,weißen,weißer,witte,beyaz,vita,hvide,biały,biała,bílý,bílá,fehér,putih
red,rouge,rojo,roja,rosso,rossa,vermelho,vermelha,rotes,rote,roten,roter,rode,kızıl,kırmızı,röda,røde,czerwony,czerwona,rudý,rudé,vörös,merah
black,noir,noire,negro,negra,nero,nera,schwarzes,schwarze,schwarzen,zwarte,kara,siyah,svarta,sorte,czarny,czarna,czarne,černý,černé,fekete,hitam
green,vert,verte,verde,grünes,grüne,grünen,groene,yeşil,gröna,grønne,zielony,zielona,zelený,zelená,zöld,hijau
golden,gold,or,doré,dorée,oro,dorado,dorada,dourado,dourada,goldene,goldenen,goldener,gouden,altın,gyllene,złoty,złota,zlatý,zlatá,arany,emas
yellow,jaune,amarillo,amarilla,giallo,amarelo,gelbe,gelbes,gelber,gele,sarı,gula,żółty,žlutý,sárga,kuning
holy,saint,sainte,santo,santa,sacro,heilige,heiligen,kutsal
mosque,mosquée,mezquita,moschea,mesquita,moschee,moskee,cami,camii,moské,meczet,mešita,mecset,masjid
church,église,iglesia,chiesa,igreja,kirche,kerk,kilise,kilisesi,kyrka,kyrkan,kirke,kościół,kostel,templom,gereja
cathedral,cathédrale,catedral,cattedrale,duomo,kathedrale,dom,kathedraal,katedrali,katedralen,domkyrkan,katedra,katedrála,székesegyház,katedral
temple,templo,tempio,tempel,tapınağı,templet,świątynia,chrám,kuil
bridge,pont,puente,ponte,brücke,brug,köprüsü,köprü,bron,broen,most,híd,jembatan
tower,tour,torre,turm,toren,kulesi,kule,tornet,tårnet,wieża,věž,torony,menara
palace,palais,palacio,palazzo,palácio,palast,schloss,paleis,sarayı,saray,palatset,slottet,pałac,palác,palota,istana
castle,château,castillo,castello,castelo,burg,schloss,kasteel,kalesi,slottet,zamek,zámek,hrad,vár,kastil
house,maison,casa,haus,huis,evi,huset,dom,dům,ház,rumah,gedung
wall,mur,muro,muralla,muraglia,muralha,mauer,muur,duvarı,seddi,muren,mur,zeď,fal,tembok
gate,porte,puerta,porta,tor,poort,kapısı,porten,brama,brána,kapu,gerbang
square,place,plaza,piazza,praça,platz,plein,meydanı,meydan,torget,pladsen,plac,náměstí,tér,alun
street,rue,calle,via,rua,straße,straat,caddesi,sokağı,gatan,gaden,ulica,utca,jalan
garden,gardens,jardin,jardins,jardín,giardino,giardini,jardim,garten,gärten,tuin,tuinen,bahçesi,trädgård,ogród,zahrada,kert,taman
park,parc,parque,parco,parkı,parken,park
sea,mer,mar,mare,meer,zee,denizi,deniz,havet,morze,moře,tenger,laut
ocean,océan,océano,oceano,ozean,oceaan,okyanusu,oceanen,ocean,oceán,óceán,samudra
lake,lac,lago,see,meer,gölü,göl,sjön,jezioro,jezero,tó,danau
river,fleuve,rivière,río,fiume,rio,fluss,rivier,nehri,floden,rzeka,řeka,folyó,sungai
mountain,mountains,mount,montagne,montagnes,montaña,montañas,montagna,montanha,berg,berge,dağı,dağları,berget,bergen,góra,góry,hora,hory,hegy,gunung
island,islands,île,îles,isla,islas,isola,isole,ilha,ilhas,insel,inseln,eiland,eilanden,adası,adaları,ön,øen,wyspa,wyspy,ostrov,ostrovy,sziget,pulau
forest,forêt,bosque,foresta,floresta,wald,bos,ormanı,skogen,las,les,erdő,hutan
valley,vallée,valle,vale,tal,vallei,vadisi,dalen,dolina,údolí,völgy,lembah
desert,désert,desierto,deserto,wüste,woestijn,çölü,öknen,pustynia,poušť,sivatag,gurun
falls,chutes,cataratas,cascate,quedas,wasserfälle,watervallen,şelalesi,fallen,wodospad,vodopády,vízesés
museum,musée,museo,museu,müzesi,museet,muzeum,múzeum
library,bibliothèque,biblioteca,bibliothek,bibliotheek,kütüphanesi,biblioteket,biblioteka,knihovna,könyvtár,perpustakaan
university,université,universidad,università,universidade,universität,universiteit,üniversitesi,universitetet,uniwersytet,univerzita,egyetem,universitas
theatre,theater,théâtre,teatro,schauspielhaus,tiyatrosu,teatern,teater,teatr,divadlo,színház
opera,opéra,ópera,oper,operası,operan
airport,aéroport,aeropuerto,aeroporto,flughafen,luchthaven,havalimanı,flygplats,lufthavn,lotnisko,letiště,repülőtér,bandara
station,gare,estación,stazione,estação,bahnhof,istasyonu,stationen,dworzec,nádraží,pályaudvar,stasiun
port,harbour,harbor,puerto,porto,hafen,haven,limanı,hamnen,havnen,přístav,kikötő,pelabuhan
market,marché,mercado,mercato,markt,pazarı,çarşısı,marknad,torv,rynek,targ,trh,piac,pasar
tomb,tombe,tombeau,tumba,tomba,túmulo,grab,graf,türbesi,graven,grób,grobowiec,hrobka,sír,makam
statue,estatua,statua,estátua,standbeeld,heykeli,statyn,statuen,posąg,socha,szobor,patung
liberty,liberté,libertad,libertà,liberdade,freiheit,freiheitsstatue,vrijheid,özgürlük,frihets,frihedsgudinden,wolności,svobody,szabadság
king,roi,rey,re,rei,könig,koning,kralı,kungen,kongen,król,král,király,raja
queen,reine,reina,regina,rainha,königin,koningin,kraliçesi,drottningen,dronningen,królowa,královna,királynő,ratu
old,vieux,vieille,viejo,vieja,vecchio,vecchia,velho,velha,alte,alten,altes,oude,eski,gamla,gamle,stary,stara,starý,stará,régi,tua
new,neuf,nouveau,nouvelle,nuevo,nueva,nuovo,nuova,novo,nova,neue,neuen,neues,nieuwe,yeni,nya,nye,nowy,nowa,nový,nová,új,baru
great,grand,grande,gran,große,großen,großer,grote,büyük,stora,store,wielki,wielka,velký,velká,nagy,besar
north,nord,norte,nord,noord,kuzey,norra,północny,severní,észak,utara
south,sud,sur,sul,süd,zuid,güney,södra,południowy,jižní,dél,selatan
east,est,este,leste,ost,oost,doğu,östra,wschodni,východní,kelet,timur
west,ouest,oeste,ovest,west,batı,västra,zachodni,západní,nyugat,barat
dead,morte,muerto,morto,totes,tote,dode,ölü,döda,døde,martwe,mrtvé,holt,mati
national,nationale,nacional,nazionale,nationaal,ulusal,milli,nationella,narodowy,narodowa,národní,nemzeti,nasional
royal,royale,real,reale,königliche,königlicher,koninklijke,kraliyet,kungliga,kongelige,królewski,královský,királyi
imperial,impérial,impériale,imperiale,kaiserlicher,keizerlijk
central,centrale,zentral,zentrale,centraal,merkez,centralny,centrální,központi,pusat
international,internationale,internacional,internazionale,internationaal,uluslararası,internationella,międzynarodowy,mezinárodní,nemzetközi,internasional
supreme,suprême,suprema,supremo,oberster,oberstes,obersten,hoogste,hooggerechtshof,yüksek,högsta,højesteret,najwyższy,nejvyšší,legfelsőbb,agung
constitutional,constitutionnel,constitucional,costituzionale,verfassungsgericht,anayasa
court,cour,tribunal,corte,gerichtshof,gericht,hof,hooggerechtshof,mahkemesi,domstolen,sąd,soud,bíróság,mahkamah
security,sécurité,seguridad,sicurezza,segurança,sicherheitsrat,veiligheidsraad,güvenlik,säkerhetsrådet,sikkerhedsrådet,bezpieczeństwa,bezpečnosti,keamanan
council,conseil,consejo,consiglio,conselho,rat,sicherheitsrat,raad,veiligheidsraad,konseyi,rådet,säkerhetsrådet,rada,tanács,dewan
parliament,parlement,parlamento,parlament,parlamentet,sejm,parlemen
congress,congrès,congreso,congresso,kongress,congres,kongresi,kongressen,kongres,kongresszus,kongres
senate,sénat,senado,senato,senat,senatosu,senaten,senát,szenátus
commission,comisión,commissione,comissão,kommission,commissie,komisyonu,kommissionen,komisja,komise,bizottság,komisi
assembly,assemblée,asamblea,assemblea,assembleia,versammlung,vergadering,meclisi,zgromadzenie,shromáždění
european,europeen,europeenne,europeo,europea,europeu,europaische,europaischer,europaisches,europaischen,europese,avrupa,europeiska,europaeiske,europejski,europejska,evropsky,evropska,europai,eropa
human,humain,humano,humana,umano,homme,menschenrechte,mensenrechten,insan,manskliga,czlowieka,lidska,emberi,manusia
rights,droits,derechos,diritti,direitos,menschenrechte,mensenrechten,haklari,rattigheter,praw,prav,jogok
criminal,penal,penale,pénale,straf,strafgerichtshof,strafhof,ceza,brottmal,karny,trestní,büntető
winter,hiver,invierno,inverno,kış,zimowy,zimní,téli
summer,été,verano,estate,verão,sommer,zomer,yaz,letni,letní,nyári
sepulchre,sepulcher,sépulcre,sepulcro,grabeskirche,grafkerk,kutsal kabir
unknown,inconnu,desconocido,ignoto,desconhecido,unbekannten,onbekende,meçhul,nieznanego
soldier,soldat,soldado,soldato,soldaten,asker,żołnierza
peace,paix,paz,pace,frieden,friedens,vrede,barış,fred,freds,pokój,mír,béke
prize,prix,premio,prêmio,preis,prijs,ödülü,priset,nagroda,cena,díj
bank,banque,banco,banca,bankası,banken,banka
defense,defence,défense,defensa,difesa,defesa,verteidigung,verteidigungsministerium,defensie,savunma,försvars,obrony,obrany
ministry,ministère,ministerio,ministero,ministério,ministerium,verteidigungsministerium,außenministerium,ministerie,bakanlığı,ministeriet,ministerstwo,ministerstvo,kementerian
world,mondial,mondiale,monde,mundial,mundo,mondo,welt,weltmeisterschaft,wereld,dünya,värld,verden,świata,světový,világ,dunia
cup,coupe,copa,coppa,taça,pokal,weltmeisterschaft,beker,kupası,kopp,puchar,pohár,kupa,piala
olympic,olympics,olympique,olympiques,olímpico,olímpicos,olimpico,olimpici,olympische,olympischen,olimpiyat,olimpiyatları,olympiska,olympiske,olimpijskie,olympijské,olimpia,olimpiade
games,jeux,juegos,giochi,jogos,spiele,spielen,oyunları,spelen,lege,igrzyska,hry,játékok
war,guerre,guerra,krieg,oorlog,savaşı,krig,kriget,wojna,válka,háború,perang
revolution,révolution,revolución,rivoluzione,revolução,revolutie,devrimi,revolutionen,rewolucja,revoluce,forradalom,revolusi
star,stars,étoile,étoiles,estrella,estrellas,stella,estrela,stern,sterne,ster,yıldız,stjärna,gwiazda,hvězda,csillag,bintang
moon,lune,luna,lua,mond,maan,ay,månen,księżyc,měsíc,hold,bulan
sun,soleil,sol,sole,sonne,zon,güneş,solen,słońce,slunce,nap,matahari
rock,rocher,roca,roccia,rocha,fels,felsen,rots,kayası,klippan,skała,skála
"""
