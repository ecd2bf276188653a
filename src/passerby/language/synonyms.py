"""Words for what a model may know by another name, and real words that are slips of none. Ours."""

from __future__ import annotations

from functools import lru_cache

# what the words before the colon may be read as: the first of those after it that is known
_SYNONYMS = """
crimson scarlet vermilion ruby cherry: red
claret oxblood garnet bordeaux merlot: maroon, red
fuchsia magenta cerise: hot pink, pink
salmon coral blush: pink
amber tangerine apricot terracotta copper: orange
ochre lemon canary saffron: yellow
emerald jade: green
sage pistachio mint chartreuse: light green, green
cyan azure aquamarine cerulean: turquoise, blue
cobalt sapphire ultramarine: royal blue, blue
indigo midnight: dark blue, blue
lilac mauve: lavender, purple
plum aubergine eggplant: dark purple, purple
taupe fawn oatmeal ecru buff: beige, tan
chestnut chocolate mahogany walnut hazel: brown
anthracite slate graphite gunmetal: dark gray, gray
ebony jet-black: black
snowy alabaster eggshell: white
camouflaged camoflage: camouflage
chequered checkered checked gingham: plaid
pinstripe pin-striped stripy stripey: striped
spotty speckled: polka dot, dotted
flowery blossomed botanical: floral
hoody hooded-jumper hooded-top: hoodie, sweatshirt
pullover jersey guernsey turtleneck rollneck crewneck: sweater
anorak cagoule kagoule raincoat macintosh mackintosh windcheater blouson bomber: jacket
overcoat trenchcoat topcoat greatcoat peacoat: coat
gilet waistcoat bodywarmer: vest
tuxedo dinner-jacket: suit
singlet camisole halter vest-top: tank top
tunic kurta kaftan: blouse, shirt
frock sundress gown sari: dress
kilt sarong tutu miniskirt: skirt
chinos cords corduroys culottes pantaloons breeches slacks: pants
dungarees: overalls, pants
overalls jumpsuit: pants
tracksuit joggers: sweatpants, pants
bermudas hotpants: shorts
jeggings: leggings
plimsolls keds converse: sneakers
brogues oxfords derbies moccasins clogs: shoes
wellies wellingtons galoshes: boots
stilettos stiletto: high heels
thongs crocs sliders birkenstocks: sandals
haversack daypack schoolbag: backpack
reticule minaudiere: handbag, purse
carrier-bag: shopping bag
valise trolley-case cabin-bag: suitcase
holdall gym-bag kitbag sportsbag: bag
bumbag bum-bag: bag
attache: briefcase
brolly parasol sunshade: umbrella
handset iphone android smartphone: phone
helmet fedora trilby panama stetson bonnet beret: hat
toque tuque: beanie
snapback ballcap: cap
headscarf hijab muffler pashmina: scarf
specs spectacles eyewear: glasses
aviators: sunglasses
pram pushchair buggy: stroller
bike pushbike: bicycle
chap bloke fellow dude fella gent: man
lass gal: girl
lad: boy
ladies: lady
toddler infant: child
pensioner granny grandma: old woman
grandpa grandad: old man
ginger auburn redheaded: red
fair-haired flaxen: blonde
brunet: brown
ponytailed: ponytail
pigtailed: pigtails
bearded: beard
clad attired: dressed
donning sporting: wearing
toting hauling lugging: carrying
clutching gripping grasping: holding
strolling ambling: walking
"""
# Words that are no slips of others, however near: a wrong guess makes a sentence false.
REAL = frozenset(
    """
    bared bellow blank blow doted drown fall kneel lies linen lone lose shin skip sling think warn
    whine
    back backs band bands bare base basketball beans bean belly bend bending blown board boat boats
    body bottle bow bows box boxes brass brow brows brush cage cake cane cape capes caring chain
    chains chair chairs change chest chin chips clue coal coast cold core court crew crow crutch
    curl curls curvy dance desk dish dock drag dress drop duck dust face faces fact feet
    fence field film fish flack flag flash flip fly fold foot form frame friend frown fruit gate
    gift glass glue goat golf grain grape greenish grip grow hall hang hard hats heat heart heavy
    hill hoop horse host hotel house joint judge jump lake land lawn leaf leans leash lens light
    lime link lips list load lock look loop lunch map maps mark mask match mats means meat mellow
    milk mint moat mole moon mop mouse mouth nail neat neck nest net nurse oil order pack packet
    paid pain paint painting paints pair paired palm panties park part patch path peach peel pen
    pet phrase pie pile pin pipe pitch plan plane plant plants plate play plot point pole pool pots
    pouch powder purple race racket rail rain ramp range rest rice ride ring road robe rock roll
    roof rope rose row rug sail sand scale seat sewn shack shade shape sharp sheet shelf shift ship
    shirtless shop shows sign silk sink site skate skinned slide slip snack snow soap sock soft
    song sort soup space spoon sport spots stack stage stars state steak steam steel stick stone
    stool storm stove strap straps stride string sugar swim sword table tail tall tape tea team
    tent test thank tied tile tip toast tool tooth towel tower toy track tray tree trimmed trip
    truck trunk tube turn vase view voice wait waiter walks wall wash waste watch water wave wavy
    wax west wheel whip wide wind wine wing wire wood work worn wound wrap wrist yard yarn zone
    """.split()  # noqa: SIM905 - a list to read
)


@lru_cache(maxsize=1)
def synonyms() -> dict[str, tuple[str, ...]]:
    """word: what it may be read as, the best first; each one word or several."""
    table = {}
    for line in _SYNONYMS.strip().splitlines():
        words, _, known = line.partition(":")
        for word in words.split():
            table[word] = tuple(part.strip() for part in known.split(","))
    return table
