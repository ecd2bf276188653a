"""Word classes of captions of passers-by: each class is one letter, each list of our own writing.

Only data; `phrases` says what is done with it. No word stands in two.
"""

# fmt: off
CLASSES: dict[str, str] = {
    # ---- closed classes
    # articles and what counts
    "D": """a an the this these those some any another each every both either other such more no
        all same different certain several many few own various""",
    # possessives
    "d": "his her their its my your our hers theirs mens womens ladys",
    # pronouns
    "p": """he she they who whom i you we him them himself herself someone anyone somebody
        something anything nothing everything one's there what hes shes he's she's they're it's
        who's there's""",
    "I": "it",
    "t": "that which",
    "a": "has have had",
    "g": "having featuring displaying bearing sporting",
    # "with", as it is written too
    "w": "with w wth wiht whith",
    "f": "of",
    # prepositions: most bind nothing, "i" are those of place
    "n": "in into inside",
    "o": "on onto upon",
    "O": "over under underneath beneath",
    "u": "up down off out",
    "&": "and or & nor ad adn annd nad amd abd aand ahnd",
    "i": """at by for from to toward towards through past along across around about near beside
        besides behind between among against outside above below beyond next like during until via
        without within amid after before alongside""",
    # degrees, before an adjective
    "v": "very really quite slightly rather mostly mainly extremely fairly somewhat too so solid",
    # numbers that join with the next class: "two tone", "three quarter length"
    "k": "two three one four half 3 2",
    "z": "tone toned piece quarter fourth fourths quarters pieced length lengths",
    # adverbs and the like
    "R": """also as while when where because if then than but however just only well away forward
        forwards ahead backward still together apart maybe perhaps possibly probably almost again
        here currently now how why though although yet even facing sideways onward upright barely
        five six seven eight nine ten etc yes please""",
    # verbs; others are found by their ends
    "V": """is are was were be been being am isn't aren't wasn't can could would should may might
        must will shall do does did doesn't don't not wears wear wore wering waring waering wearin
        carries carry carried holds hold held walks walk walked stands stand stood appears appear
        appeared seems seem seemed looks look looked rides ride rode runs run ran faces faced pulls
        pushes push sits sit sat talks talk talked comes come came goes go went gone reaches reach
        reached falls fall fell hangs hang hung rests rest rested covers cover covered shows show
        showed shown seen see sees uses use used takes take took taken makes make made gets get got
        gives give given keeps keep kept dressed clothed attired adorned slung strapped draped
        wrapped bent carring visible posed captured viewed positioned located matches match
        features feature leans lean leaned steps step stepped moves move moved touches touch
        touched reads read crossed clasped folded lifts lift lifted raised raises points extends
        extend extended ends end stops stop starts stares stare smiles swings sways travels heads
        strolls stroll paired accompanied clutches grips grasps says reading saying attached tucks
        placed puts stretches extending wearing carrying holding standing looking""",
    # participles that come with "up", "back" or before a noun
    "T": """pulled tied rolled tucked cuffed pinned swept braided gathered fastened slicked combed
        buttoned zipped turned brushed drawn styled parted pushed worn put""",
    # in -ing, and before a noun no verb: "running shoes"
    "G": """running shopping jogging walking training hiking tracking working bathing swimming
        sleeping rolling hanging bowling riding boxing fishing travelling traveling skating dancing
        climbing racing wedding hunting cycling fitting""",
    # ---- words before a noun
    # adjectives, materials, nouns that mostly stand before another
    "J": """long longer short-sleeve tight loose baggy skinny slim large big small little medium
        huge tiny wide narrow thick thin high low old new young younger older elderly aged
        middle-aged teenage senior tall heavy heavyset stocky overweight chubby fat slender petite
        athletic average asian african american caucasian hispanic indian european light dark
        bright pale deep neon fluorescent pastel faded washed distressed plain simple patterned
        striped stripped plaid floral flowered flowery checkered checked checker tartan paisley
        camouflage camo printed dotted spotted tie-dye multicolored multicoloured multi colorful
        colourful colored coloured sleeveless sleeved short-sleeved long-sleeved hooded collared
        pleated ruffled fitted cropped ripped torn open closed unbuttoned flat heeled toed pointed
        pointy strapless backless v-neck crew leather cotton wool woolen knit knitted suede canvas
        plastic nylon silk satin velvet lacy fur furry fleece flannel mesh metal wooden puffy
        puffer quilted padded sheer see-through shiny glossy metallic sparkly glittery reflective
        casual formal dressy fancy business military army sports sport sporty tennis basketball
        baseball soccer football golf gym yoga cargo track sweat straight curly wavy messy spiky
        bushy frizzy thinning balding haired skinned wet clean nice beautiful stylish trendy modern
        vintage traditional patched embroidered decorated beaded studded fringed layered
        asymmetrical horizontal vertical diagonal horizontally vertically mini maxi midi full
        partial upper lower mid cross oversized matching dirty cell mobile rimmed framed brimmed
        button-up button-down zip-up pull-over slip-on cut-off rolled-up high-top low-top polka
        color-block colour-block two-tone two-toned asain mandarin regular brand designer cartoon
        hawaiian tropical tribal aztec abstract geometric ethnic animal leopard zebra tiger snake
        wire bomber trench pea wind rain winter summer school bucket beach sun ball bare hot
        spaghetti bermuda capri chunky stretchy nike adidas flowing rounded round square oval
        rectangular curved pencil flared bell tapered shirtless unknown similar reusable disposable
        wavey surgical electronic unzipped wispy greasy extra-large hard wedge block backwards
        pin""",
    "C": """black whit white blue red green yellow orange purple pink brown gray grey tan beige
        khaki navy teal maroon burgundy cream gold golden silver olive turquoise aqua lavender
        magenta violet indigo crimson scarlet coral peach salmon rose rust copper bronze charcoal
        ivory mustard lime mint sky royal off-white blonde blond brunette auburn reddish greenish
        bluish blueish pinkish yellowish brownish greyish grayish whitish blackish purplish
        orangish nude camel taupe mauve fuchsia plum lilac sage emerald jade cyan ecru fawn ochre
        chocolate whte balck blak blck bule bleu grren gery graying greying wine rainbow amber
        ginger platinum ash sandy sand forest""",
    # adjectives that stand for a thing at the end: "jean short"
    "x": "short denim baby",
    # before "head"
    "q": "bald shaved shaven balded",
    # ---- nouns
    # things, singular
    "N": """shirt t-shirt tshirt tee tee-shirt t-shit top blouse sweater jumper pullover jacket
        coat hoodie hoody sweatshirt cardigan vest waistcoat blazer suit tuxedo dress gown sundress
        skirt miniskirt skort kilt robe tunic tank cami camisole bra polo turtleneck undershirt
        jersey uniform outfit attire clothing jumpsuit romper onesie windbreaker parka overcoat
        raincoat poncho shawl cape wrap shrug scarf bandana tie necktie bowtie belt sash hat cap
        beanie beret visor helmet headband turban hijab veil fedora bonnet hairband backpack
        bookbag rucksack knapsack bag handbag purse pocketbook clutch tote satchel briefcase
        suitcase luggage sack pouch wallet pack case duffel duffle basket box package parcel
        umbrella parasol phone cellphone smartphone iphone tablet laptop computer camcorder book
        newspaper magazine folder paper notebook document clipboard envelope map bottle cup mug
        drink beverage object device item thing food stroller pram buggy cart trolley wheelchair
        bicycle bike scooter motorcycle skateboard cane walker crutch dog watch wristwatch bracelet
        necklace ring chain pendant lanyard badge id earring earpiece headset brooch jewelry
        jewellery apron bib towel blanket cloth mask facemask beard mustache moustache goatee
        stubble sideburn skin complexion tattoo makeup lipstick shoe sneaker boot sandal slipper
        loafer pump trouser pant jean legging stocking sock footwear shirtsleeve glove cigarette
        guitar balloon racket racquet bat whistle flag sign rag tissue microphone sari saree kimono
        costume bodysuit leotard swimsuit bikini bathrobe pajama nightgown halter tube corset
        overshirt peacoat trenchcoat shacket anorak sweatsuit tracksuit pantsuit sportcoat
        sweatpant sihrt shrit shrt shit swetshirt jacke jaket jackt bagpack backpak shir hoddie
        thermos tray plate letterman cardholder bouquet""",
    # things, plural: another noun starts another phrase
    "L": """pants slacks trousers shorts khakis bottoms sweatpants joggers leggings tights sandals
        capris capri's overalls sneakers shoes trainers loafers boots flops flip-flops pumps
        slippers heels wedges flats stockings pantyhose hose nylons socks clogs moccasins oxfords
        crocs mules cleats gloves mittens papers documents books bags glasses eyeglasses sunglasses
        spectacles shades goggles headphones earphones earbuds earrings bracelets clothes garments
        items objects groceries shirts tops jackets suspenders chinos cargos corduroys culottes
        pantaloons pajamas shrts pnats shose shoses sneekers sandles panst snadals dungarees bands
        bangles packages boxes bottles cords keys underwear boxers briefs dresses cups phones rings
        necklaces magazines newspapers suitcases purses backpacks uggs converse vans jordans keds
        galoshes espadrilles stilettos sweats skirts coats accessories sideburns tattoos freckles
        scarves hats crutches balloons belongings""",
    # plural, and yet before a noun: "jeans shorts"
    "l": "jeans",
    # details of things, singular and plural
    "M": """heel stripe logo print pattern design collar sleeve hood zipper strap trim letter
        lettering text word writing number dot flower picture image graphic emblem symbol label
        patch pocket cuff hem neckline lining brim buckle bow ribbon fringe ruffle frill sole toe
        toecap accent detail detailing edging border panel section line check spot star heart skull
        photo illustration drawing slogan crest print-out embroidery handle flap tassel piping
        checkerboard mark marking slit pleat peplum band drawstring yoke inscription waistband seam
        stitching rip hole thread elastic graffiti wording""",
    "m": """stripes logos prints patterns designs collars sleeves hoods zippers zips straps letters
        words numbers dots flowers pictures images graphics emblems symbols patches pockets cuffs
        ruffles soles toes laces accents details panels sections squares lines checks spots stars
        hearts skulls buttons handles flaps tassels marks markings slits pleats pinstripes holes
        rips lapels studs sequins beads bows ribbons fringes stitches drawstrings characters
        polka-dots highlights streaks roses leaves""",
    # details, and with "up", "down", "on" an adjective: "button up shirt"
    "b": "button zip slip lace pull cut snap lace-up",
    "H": "hair haircut hairstyle hairdo hairs bangs",
    # ways to wear hair
    "Y": """ponytail pony tail bun braid braids pigtails pigtail pig tails ponytails dreadlocks
        dreads bob afro mohawk cornrows plait plaits knot curls updo topknot""",
    # persons
    "P": """man woman person lady girl boy guy male female gentleman child kid individual
        pedestrian adult men women people teenager youth student couple subject figure human
        toddler infant businessman businesswoman policeman officer worker runner jogger cyclist
        shopper traveler passerby citizen employee soldier athlete ladies girls boys gentlemen guys
        males females persons lad chap dude fellow teen adults kids children maan womn womna mna
        womam womans""",
    # parts of the body
    "B": """head face eye eyes ear ears nose mouth chin cheek neck nape shoulder shoulders arm arms
        elbow elbows forearm forearms wrist wrists hand hands finger fingers chest breast torso
        body stomach belly waist hip hips leg legs thigh thighs knee knees calf calves shin shins
        ankle ankles foot feet lap midriff build physique forehead eyebrow eyebrows shouder
        shoudler""",
    "K": "back",
    # sides of a thing
    "s": "front side sides middle center centre bottom edge edges left right rear corner hems",
    # places and words about the photo or in general
    "S": """camera street sidewalk road walkway pavement crosswalk path ground floor wall building
        room hall hallway corridor lobby mall store shop market supermarket station platform stairs
        staircase escalator elevator door doorway entrance gate park grass lawn bench chair table
        car truck bus train vehicle van taxi stage pole fence railing tree trees bush bushes
        background foreground distance direction view viewer angle profile frame scene area place
        way time kind type sort style color colour colors colours hue size shape manner fashion
        appearance age twenties thirties forties fifties sixties part position posture pose motion
        movement pace stride gait video monitor lens crowd queue counter window outdoors indoors
        curb kerb lot bridge tunnel plaza campus city town restaurant office library airport subway
        tiles tile lane traffic row tones race gender sex nationality ethnicity height weight
        material fabric attention weather sunlight snow puddle day night smile expression gesture
        conversation fit""",
    # "pair of"
    "Q": "pair pairs set pir par",
}
# fmt: on

# The end of a word that no list holds, and its class; the first that fits. "E" is an adjective
# before a noun and else a verb.
ENDINGS: tuple[tuple[str, str], ...] = (
    ("ly", "R"),
    ("less", "J"),
    ("ish", "J"),
    ("ing", "V"),
    ("ed", "E"),
    ("ful", "J"),
)
