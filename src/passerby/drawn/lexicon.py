"""What people call garments, bags, hair and patterns: synonyms with weights, as captions use them.

Words are spelt the American way ("gray", "colored"); an author may spell them the British way.
"""

from __future__ import annotations

from functools import lru_cache

from passerby.drawn.dice import Choice

# kind of garment: nouns for it, in the singular of how they are said ("pants" is plural)
NOUNS: dict[str, dict[str, float]] = {
    "t-shirt": {"shirt": 50, "t-shirt": 17, "tee shirt": 7, "t shirt": 8, "tee": 3, "tshirt": 2,
                "top": 8, "casual shirt": 1, "tee-shirt": 2, "pullover": 0.5, "polo": 0.5},
    "long sleeved t-shirt": {"shirt": 52, "top": 12, "sweater": 6, "t-shirt": 5, "sweatshirt": 4,
                             "pullover": 2, "jersey": 1, "undershirt": 0.5},
    "shirt": {"shirt": 42, "button up shirt": 8, "button down shirt": 7, "collared shirt": 12,
              "dress shirt": 7, "top": 5, "button-up shirt": 1, "buttoned shirt": 2,
              "button down": 1, "shirt with a collar": 8, "collar shirt": 2, "blouse": 0.5,
              "work shirt": 0.6, "shirt with buttons down the front": 1},
    "polo shirt": {"polo shirt": 44, "polo": 14, "shirt": 24, "collared shirt": 14, "t-shirt": 2,
                   "polo t-shirt": 2},
    "blouse": {"blouse": 40, "top": 26, "shirt": 28, "tunic": 4, "button up blouse": 1},
    "tank top": {"tank top": 50, "tank": 5, "top": 17, "shirt": 14, "sleeveless shirt": 8,
                 "sleeveless top": 6, "vest": 3, "cami": 1},
    "sweater": {"sweater": 50, "jumper": 4, "pullover": 5, "sweatshirt": 9, "top": 9, "shirt": 22,
                "pull over sweater": 1, "knit sweater": 2, "cardigan": 0.5},
    "jacket": {"jacket": 76, "coat": 12, "windbreaker": 3, "leather jacket": 2, "sweater": 2,
               "zip up jacket": 2, "jacket with a zipper": 1, "bomber jacket": 1, "sweatshirt": 1},
    "track jacket": {"track jacket": 40, "jacket": 46, "zip up jacket": 8, "sweatshirt": 6},
    "windbreaker": {"windbreaker": 44, "jacket": 44, "rain jacket": 8, "coat": 4},
    "denim jacket": {"denim jacket": 50, "jean jacket": 34, "jacket": 16},
    "leather jacket": {"leather jacket": 56, "jacket": 40, "leather coat": 4},
    "hoodie": {"hoodie": 34, "hooded sweatshirt": 16, "sweatshirt": 20, "jacket": 14, "sweater": 5,
               "hooded jacket": 6, "sweat shirt": 3, "sweatshirt with a hood": 3},
    "sweatshirt": {"sweatshirt": 54, "sweat shirt": 8, "sweater": 20, "pullover": 8, "shirt": 10},
    "blazer": {"blazer": 30, "suit jacket": 24, "jacket": 30, "suit coat": 6, "sport coat": 5,
               "suit": 8, "sports jacket": 2, "dress jacket": 2},
    "cardigan": {"cardigan": 38, "sweater": 30, "cardigan sweater": 8, "jacket": 14, "shrug": 2,
                 "button up sweater": 3},
    "vest": {"vest": 76, "sleeveless jacket": 10, "puffer vest": 7, "puffy vest": 7},
    "coat": {"coat": 58, "jacket": 16, "trench coat": 8, "overcoat": 6, "winter coat": 6,
             "pea coat": 3, "parka": 3, "dress coat": 1},
    "down jacket": {"jacket": 30, "coat": 20, "puffer jacket": 9, "puffy jacket": 11, "parka": 6,
                    "winter coat": 8, "down jacket": 5, "puffy coat": 5, "winter jacket": 6,
                    "padded jacket": 3, "quilted jacket": 3},
    "parka": {"parka": 40, "coat": 28, "jacket": 14, "winter coat": 12, "hooded coat": 6},
    "suit": {"suit": 70, "suit jacket": 14, "business suit": 10, "jacket": 6},
    "dress": {"dress": 90, "gown": 3, "sun dress": 3, "sundress": 2, "robe": 1, "outfit": 1},
    "pants": {"pants": 78, "slacks": 10, "trousers": 6, "dress pants": 4, "pant": 1, "khakis": 0.5,
              "bottoms": 1, "trouser": 0.5, "cargo pants": 0.6},
    "jeans": {"jeans": 66, "pants": 13, "denim jeans": 6, "jean pants": 6, "denim pants": 5,
              "jean": 2, "blue jeans": 0, "skinny jeans": 0},
    "sweatpants": {"sweatpants": 34, "sweat pants": 22, "pants": 30, "track pants": 7, "joggers": 3,
                   "athletic pants": 4, "jogging pants": 3, "gym pants": 1},
    "track pants": {"track pants": 44, "pants": 32, "sweatpants": 12, "athletic pants": 12},
    "leggings": {"leggings": 46, "tights": 14, "pants": 26, "tight pants": 9, "yoga pants": 5,
                 "skinny pants": 2, "stretch pants": 2},
    "shorts": {"shorts": 90, "short pants": 3, "cargo shorts": 3, "short": 1, "pants": 0.5},
    "jean shorts": {"jean shorts": 36, "denim shorts": 24, "shorts": 34, "jeans shorts": 3,
                    "cut off shorts": 1.5, "short jeans": 1},
    "skirt": {"skirt": 96, "mini skirt": 0, "miniskirt": 0, "dress": 3},
    "capris": {"capris": 30, "capri pants": 34, "capri's": 10, "pants": 26},
    "cargo pants": {"cargo pants": 50, "pants": 50},
    "overalls": {"overalls": 90, "jumpsuit": 10},
    "jumpsuit": {"jumpsuit": 70, "overalls": 12, "outfit": 18},
    "sneakers": {"sneakers": 26, "shoes": 42, "tennis shoes": 19, "running shoes": 5, "trainers": 2,
                 "athletic shoes": 4, "gym shoes": 1, "sports shoes": 1.5},
    "shoes": {"shoes": 72, "dress shoes": 7, "loafers": 2, "sneakers": 5, "leather shoes": 2,
              "footwear": 1.5, "tennis shoes": 3, "slip-on shoes": 1, "flat shoes": 2, "shoe": 1},
    "dress shoes": {"dress shoes": 50, "shoes": 40, "loafers": 6, "leather shoes": 4},
    "loafers": {"loafers": 40, "shoes": 50, "slip-on shoes": 10},
    "boots": {"boots": 84, "ankle boots": 5, "shoes": 6, "high boots": 3, "leather boots": 2},
    "sandals": {"sandals": 64, "flip flops": 16, "flip-flops": 3, "open toed shoes": 4,
                "shoes": 7, "slippers": 3, "flat sandals": 2, "flip flop": 1},
    "flip flops": {"flip flops": 56, "sandals": 30, "flip-flops": 14},
    "slippers": {"slippers": 50, "sandals": 34, "shoes": 16},
    "high heels": {"high heels": 30, "heels": 26, "high heeled shoes": 15, "shoes": 20, "pumps": 3,
                   "wedge heels": 2, "high heel shoes": 4, "wedges": 2, "dress shoes": 2},
    "flats": {"flats": 26, "flat shoes": 30, "shoes": 40, "slippers": 1, "ballet flats": 2,
              "slip on shoes": 2, "sandals": 2},
    "tights": {"tights": 34, "leggings": 28, "stockings": 14, "pantyhose": 12, "hose": 4,
               "panty hose": 2, "nylons": 1},
    "stockings": {"stockings": 60, "tights": 24, "pantyhose": 16},
    "socks": {"socks": 88, "ankle socks": 7, "crew socks": 5},
    "backpack": {"backpack": 58, "back pack": 17, "book bag": 6, "bag": 9, "bookbag": 1.5,
                 "rucksack": 2, "knapsack": 1.5, "pack": 1, "school bag": 1},
    "handbag": {"purse": 32, "handbag": 18, "bag": 30, "hand bag": 9, "pocketbook": 1.5, "tote": 3,
                "tote bag": 3, "clutch": 1, "hand purse": 0.5},
    "shoulder bag": {"shoulder bag": 30, "bag": 24, "purse": 24, "tote bag": 5, "tote": 3,
                     "satchel": 3, "handbag": 8, "shoulder purse": 1},
    "tote": {"tote bag": 40, "tote": 26, "bag": 24, "purse": 10},
    "messenger bag": {"messenger bag": 24, "bag": 26, "shoulder bag": 18, "satchel": 6,
                      "cross-body bag": 6, "cross body bag": 5, "crossbody bag": 3, "side bag": 3,
                      "purse": 4, "cross body purse": 1.5},
    "shopping bag": {"shopping bag": 36, "bag": 34, "plastic bag": 16, "grocery bag": 5, "sack": 2,
                     "paper bag": 5, "store bag": 1, "gift bag": 1},
    "plastic bag": {"plastic bag": 50, "bag": 36, "shopping bag": 14},
    "suitcase": {"suitcase": 54, "luggage": 14, "rolling suitcase": 9, "luggage bag": 7,
                 "rolling luggage": 4, "rolling bag": 4, "travel bag": 2},
    "briefcase": {"briefcase": 46, "bag": 22, "case": 6, "brief case": 8, "laptop bag": 7,
                  "laptop case": 3, "work bag": 3, "attache case": 1},
    "fanny pack": {"fanny pack": 60, "waist bag": 22, "belt bag": 18},
    "duffel bag": {"duffel bag": 36, "gym bag": 26, "bag": 38},
    "phone": {"cell phone": 38, "phone": 34, "cellphone": 8, "smartphone": 3, "object": 5,
              "small object": 3, "device": 3, "mobile phone": 3},
    "bottle": {"bottle": 40, "water bottle": 34, "bottle of water": 12, "drink": 8, "object": 4},
    "umbrella": {"umbrella": 94, "object": 3, "parasol": 1},
    "papers": {"papers": 34, "paper": 20, "some papers": 12, "newspaper": 7, "magazine": 4,
               "folder": 7, "documents": 3, "something": 6},
    "book": {"book": 66, "notebook": 8, "folder": 7, "books": 6, "object": 5, "magazine": 4,
             "something": 4},
    "cup": {"cup": 48, "drink": 16, "coffee cup": 11, "cup of coffee": 12, "beverage": 4,
            "something": 5, "object": 4},
    "cap": {"cap": 26, "baseball cap": 25, "hat": 38, "ball cap": 6, "baseball hat": 5,
            "backwards cap": 0.5, "visor": 1},
    "sun hat": {"hat": 54, "sun hat": 20, "wide brimmed hat": 8, "bucket hat": 6, "straw hat": 4,
                "floppy hat": 4, "hat with a brim": 3},
    "bucket hat": {"bucket hat": 40, "hat": 48, "sun hat": 12},
    "beanie": {"beanie": 30, "hat": 34, "knit hat": 12, "knit cap": 10, "winter hat": 7,
               "stocking cap": 4, "cap": 4, "beanie cap": 2},
    "helmet": {"helmet": 90, "bike helmet": 10},
    "headband": {"headband": 90, "hair band": 10},
    "scarf": {"scarf": 92, "shawl": 4, "neck scarf": 3, "bandana": 1},
    "belt": {"belt": 96, "waist belt": 2, "leather belt": 2},
    "gloves": {"gloves": 100},
    "tie": {"tie": 80, "necktie": 20},
}  # fmt: skip
PLURAL = frozenset(
    """
    pants slacks trousers khakis bottoms jeans sweatpants joggers leggings tights shorts sandals
    capris capri's overalls sneakers shoes trainers loafers footwear boots flops flip-flops pumps
    slippers heels wedges flats stockings pantyhose hose nylons socks papers documents books
    gloves
    """.split()  # noqa: SIM905 - a table to read
)
UNCOUNTED = frozenset({"luggage", "rolling luggage", "footwear", "something", "paper", "pant",
                       "trouser", "jean", "shoe", "short", "flip flop", "some papers",
                       "khakis"})  # fmt: skip
PAIRED = frozenset({"lower", "shoes", "legwear"})  # attributes said with "a pair of"

PATTERN_BEFORE: dict[str, dict[str, float]] = {
    "striped": {"striped": 60, "stripe": 20, "stripped": 4, "horizontal striped": 5,
                "horizontally striped": 2, "stripes": 1},
    "vertical stripes": {"striped": 58, "vertical striped": 12, "pinstriped": 6, "pin striped": 4,
                         "vertically striped": 3, "stripe": 12},
    "plaid": {"plaid": 66, "checkered": 12, "checker": 8, "checked": 7, "flannel": 6,
              "patterned": 6, "plaid patterned": 3, "tartan": 1},
    "floral": {"floral": 34, "floral print": 20, "flowered": 14, "flower print": 6, "printed": 12,
               "patterned": 14, "flowery": 5, "floral patterned": 6, "multicolored": 4,
               "colorful": 4},
    "dotted": {"polka dot": 46, "polka dotted": 22, "dotted": 12, "spotted": 8, "patterned": 7,
               "printed": 5},
    "colour block": {"two-tone": 14, "two tone": 10, "color block": 4, "multicolored": 16,
                     "colorful": 4},
    "camouflage": {"camouflage": 46, "camo": 30, "camouflage print": 9, "army print": 5,
                   "camouflaged": 5, "patterned": 5},
    "print": {"graphic": 46, "printed": 40, "patterned": 10},
}  # fmt: skip
# {second} is the pattern's other colour and a blank, {side} the "front" or the "back"
PATTERN_AFTER: dict[str, dict[str, float]] = {
    "striped": {"with {second}stripes": 62, "with horizontal {second}stripes": 14,
                "with {second}stripes on it": 12, "with {second}horizontal stripes": 6,
                "with {second}lines": 4, "with {second}stripes across it": 3},
    "vertical stripes": {"with {second}stripes": 40, "with vertical {second}stripes": 34,
                         "with {second}pinstripes": 10, "with {second}stripes on it": 8,
                         "with {second}vertical lines": 8},
    "plaid": {"with a plaid pattern": 30, "with a {second}plaid pattern": 20,
              "with {second}checks": 14, "with a checkered pattern": 18,
              "with a plaid design": 8, "with {second}squares": 5},
    "floral": {"with {second}flowers": 34, "with a floral print": 18, "with a flower print": 8,
               "with {second}flowers on it": 18, "with a floral pattern": 10,
               "with a flowered pattern": 5, "with a {second}floral design": 6},
    "dotted": {"with {second}polka dots": 44, "with {second}dots": 34, "with {second}spots": 10,
               "with {second}dots on it": 12},
    "colour block": {"with {second}trim": 16, "with some {second}on it": 10,
                     "with {second}accents": 8, "with {second}on it": 20,
                     "with {second}panels": 6, "with {second}sections": 4},
    "camouflage": {"with a camouflage pattern": 60, "with a camo print": 40},
    "print": {"with a picture on it": 10, "with a picture on the {side}": 8,
              "with a {second}design on the {side}": 13, "with {second}writing on the {side}": 9,
              "with a {second}logo on the {side}": 9, "with a logo on the chest": 4,
              "with a graphic on the {side}": 7, "with a {second}print on the {side}": 5,
              "with {second}lettering on the {side}": 4, "with a design on it": 6,
              "with {second}writing on it": 5, "with a {second}graphic design": 4,
              "with {second}words on the {side}": 2, "with {second}letters on it": 2,
              "with a number on the {side}": 2, "with an emblem on the {side}": 2,
              "with an image on the {side}": 2, "with a {second}graphic print": 2},
}  # fmt: skip

HAIR_COLOURS: dict[str, dict[str, float]] = {
    "black": {"black": 62, "dark": 34, "dark black": 2, "dark colored": 1, "dark brown": 1},
    "dark brown": {"dark brown": 24, "dark": 36, "brown": 28, "black": 12, "brunette": 1},
    "brown": {"brown": 66, "dark": 10, "dark brown": 14, "light brown": 5, "brunette": 3},
    "light brown": {"light brown": 34, "brown": 46, "blonde": 8, "light colored": 4, "golden": 1},
    "blonde": {"blonde": 60, "blond": 22, "light": 4, "light colored": 4, "light brown": 6,
               "golden": 1},
    "red": {"red": 52, "reddish": 14, "reddish brown": 16, "auburn": 8, "brown": 10},
    "gray": {"gray": 72, "white": 10, "light": 4, "graying": 6, "silver": 5, "light colored": 3},
    "white": {"white": 62, "gray": 28, "light colored": 5, "silver": 3, "light": 2},
}  # fmt: skip
HAIR_LENGTHS: dict[str, dict[str, float]] = {
    "short": {"short": 84, "short cut": 4, "short cropped": 3, "": 9},
    "medium": {"shoulder length": 44, "medium length": 12, "shoulder-length": 6, "long": 10,
               "mid length": 3, "": 18, "short": 5},
    "long": {"long": 80, "": 12, "shoulder length": 6, "longer": 1},
    "bald": {"": 1},
}  # fmt: skip
HAIR_STYLES: dict[str, dict[str, float]] = {
    "loose": {"": 90, "that is down": 2, "worn down": 2, "down to {her} shoulders": 1.5,
              "falling over {her} shoulders": 1},
    "ponytail": {"in a ponytail": 24, "in a pony tail": 18, "pulled back in a ponytail": 14,
                 "pulled back": 12, "pulled back in a pony tail": 8, "tied back": 6,
                 "up in a ponytail": 5, "pulled back into a ponytail": 6, "that is pulled back": 4,
                 "tied in a ponytail": 4, "pulled up in a ponytail": 3},
    "bun": {"in a bun": 40, "pulled up in a bun": 14, "up in a bun": 10,
            "pulled back in a bun": 16, "worn up": 5, "tied in a bun": 8, "put up": 5,
            "pulled up": 6},
    "braid": {"in a braid": 40, "in braids": 14, "that is braided": 12,
              "braided down {her} back": 8, "in a long braid": 16},
    "pigtails": {"in pigtails": 60, "in pig tails": 20, "in two braids": 10},
    "curly": {"that is curly": 60, "in curls": 40},
}  # fmt: skip
GLASSES = {
    "glasses": Choice({"glasses": 74, "eyeglasses": 8, "a pair of glasses": 12, "eye glasses": 4,
                       "dark framed glasses": 2, "black framed glasses": 2, "spectacles": 1}),
    "sunglasses": Choice({"sunglasses": 60, "dark glasses": 12, "glasses": 12, "sun glasses": 5,
                          "shades": 4, "a pair of sunglasses": 7, "dark sunglasses": 3}),
}  # fmt: skip
BEARD = Choice({"a beard": 54, "facial hair": 14, "a dark beard": 8, "a mustache": 6,
                "a moustache": 5, "a short beard": 6, "a goatee": 5,
                "a beard and mustache": 4})  # fmt: skip

_HAIR = {"colour": HAIR_COLOURS, "length": HAIR_LENGTHS, "style": HAIR_STYLES}


@lru_cache(maxsize=1024)
def noun_choice(kind: str) -> Choice:
    """Nouns for a kind of garment; a kind that the tables do not know is called by its name."""
    return Choice(NOUNS.get(kind, {kind: 1}))


@lru_cache(maxsize=1024)
def pattern_choice(pattern: str, *, before: bool) -> Choice:
    """Words of a pattern, before or after the noun; one that is not known is called by its name."""
    known = (PATTERN_BEFORE if before else PATTERN_AFTER).get(pattern)
    return Choice(known or {pattern if before else f"with a {pattern} pattern": 1})


@lru_cache(maxsize=1024)
def hair_choice(part: str, value: str) -> Choice:
    """Words for the `part` ("colour", "length" or "style") of hair."""
    return Choice(_HAIR[part].get(value, {value: 1}))


def is_plural(noun: str) -> bool:
    """True of nouns that take no article: "jeans", "luggage", "something"."""
    return noun in UNCOUNTED or noun.rsplit(" ", 1)[-1] in PLURAL
