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
egypt,egyptian,agypten,egypte,egipto,misr
morocco,moroccan,maroc,marruecos,marokko
ivory coast,ivorian,cote d ivoire
congo,congolese,drc
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
un,united nations,onu,nations unies,naciones unidas,nazioni unite,vereinte nationen,uno,оон
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
cia,central intelligence agency
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
moscow,moskva,moskau,moscou,moscu,mosca,москва,莫斯科,モスクワ
st petersburg,saint petersburg,leningrad,petrograd,sankt peterburg,санкт петербург
istanbul,constantinople,konstantinopel,byzantium
ankara,angora
izmir,smyrna
athens,athen,athenes,atenas,atene,athina,αθηνα
thessaloniki,salonica,saloniki
rome,roma,rom,rzym,рим,罗马
florence,firenze,florenz,florencia
venice,venezia,venedig,venise,venecia
milan,milano,mailand
naples,napoli,neapel,napoles
turin,torino
genoa,genova,genua,genes
padua,padova
sicily,sicilia,sizilien,sicile
tuscany,toscana,toskana
munich,munchen,monachium,monaco di baviera
cologne,koln,colonia,kolner
nuremberg,nurnberg
vienna,wien,vienne,viena,wieden
salzburg,salzbourg
geneva,geneve,genf,ginebra,ginevra
zurich,zuerich,zurigo
basel,bale,basle
lucerne,luzern
bern,berne
prague,praha,prag,praga
bratislava,pressburg,pozsony
brno,brunn
budapest,budapesht
warsaw,warszawa,warschau,varsovie,varsovia
krakow,cracow,krakau,cracovia
gdansk,danzig
wroclaw,breslau
czestochowa,tschenstochau
poznan,posen
lisbon,lisboa,lissabon,lisbonne
seville,sevilla
zaragoza,saragossa
cordoba,cordova
la coruna,corunna,a coruna
copenhagen,kobenhavn,kopenhagen,copenhague
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
london,londres,londra,londyn,лондон,伦敦
edinburgh,edimbourg,edimburgo
dublin,baile atha cliath
paris,parigi,paryz,париж,巴黎
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
jerusalem,yerushalayim,al quds
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
bavaria,bayern
saxony,sachsen
prussia,preussen
bohemia,bohmen
moravia,mahren
silesia,schlesien,slask
catalonia,catalunya,cataluna,katalonien
basque country,euskadi,pais vasco
brittany,bretagne
normandy,normandie
lorraine,lothringen
charles bridge,karluv most,karlsbrucke
eiffel tower,tour eiffel,eiffelturm,torre eiffel
pink house,casa rosada
brandenburg gate,brandenburger tor
cologne cathedral,kolner dom
st peter s basilica,basilica di san pietro,petersdom
red square,krasnaya ploshchad,красная площадь
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
