"""What the harms of benchmarks/robustness.py do to sentences and photos, and what they leave."""

import io
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from passerby.drawn.world import draw_world
from passerby.language.sentences import sub_sentences

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from harm_photos import PHOTOS, harmed_photo
from harm_texts import ASKED, TEXTS, harmed_text
from harm_words import FAR, SPELT

ODD = ("a", "...", "42", "RED COAT", "...and then", "white", "l'homme a une veste rouge",
       "红色外套", "Shoes .He has a Bag,and red hat", "- , -",
       "a man\n\nwith gray  hair\tand a colorful bag ", "woman, woman", "U.S. flag")  # fmt: skip
LONG = (
    "A young woman with long brown hair is wearing a gray t-shirt, a pair of dark blue jeans and "
    "white sneakers. She is carrying a black handbag, and she looks at the camera."
)
ONE = "A man wearing a red and white striped shirt, black pants and brown shoes."


@pytest.fixture(scope="module")
def captions(tmp_path_factory):
    """Of drawn people, and odd ones."""
    import json

    root = tmp_path_factory.mktemp("people")
    draw_world(root, 12, 2, 41, captions=2, height=32, width=16, val=0, test=12, workers=1)
    rows = json.loads((root / "reid_raw.json").read_text())
    return [*ODD, LONG, ONE, *(text for row in rows for text in row["captions"])]


def words(text):
    return re.findall(r"\w+", text.lower())


def swaps(one, other):
    """Slips of one letter between two words: swapped, left out, doubled or hit beside."""
    if len(one) == len(other):
        wrong = [n for n in range(len(one)) if one[n] != other[n]]
        swapped = sorted(one) == sorted(other) and len(wrong) == 2 and wrong[1] - wrong[0] == 1
        return 1 if swapped else len(wrong)
    longer, shorter = sorted((one, other), key=len, reverse=True)
    inside = {longer[:n] + longer[n + 1 :] for n in range(len(longer))}
    return 1 if shorter in inside else 2


@pytest.mark.parametrize("name", TEXTS)
def test_a_harm_is_the_same_again_and_never_leaves_an_empty_sentence(name, captions):
    for text in captions:
        found = harmed_text(name, text, "query")
        assert found.strip()
        assert found == harmed_text(name, text, "query")
    others = {harmed_text("search box", ONE, str(query)) for query in range(40)}
    assert len(others) == len(ASKED)


@pytest.mark.parametrize(("name", "slips"), [("misspelt", 1), ("misspelt in three words", 3)])
def test_a_misspelt_query_has_one_slip_in_each_of_some_words(name, slips):
    for query in range(60):
        found = harmed_text(name, LONG, str(query)).split(" ")
        pairs = zip(LONG.split(" "), found, strict=True)
        wrong = [(old, new) for old, new in pairs if old != new]
        assert len(wrong) == slips
        assert all(swaps(old, new) == 1 and old[0] == new[0] for old, new in wrong)


def test_slips_keep_blanks_and_strike_words_that_tell():
    text = "the man\twho  wears\nthat hat with this coat"
    for query in range(60):
        found = harmed_text("misspelt", text, str(query))
        assert re.findall(r"\s+", found) == re.findall(r"\s+", text)
        assert {"the", "who", "that", "with", "this"} <= set(found.split())


def test_a_reordered_query_has_the_words_it_had_in_another_order(captions):
    changed = 0
    for number, text in enumerate(captions):
        found = harmed_text("reordered", text, str(number))
        assert Counter(words(found)) + Counter({"and": 9}) >= Counter(words(text))
        assert not Counter(words(found)) - Counter(words(text))
        changed += found != text
    assert changed > len(captions) / 2
    assert "red and white striped shirt" in harmed_text("reordered", ONE, "x").lower()
    assert words(harmed_text("reordered", ONE, "x")) != words(ONE)


def test_a_wrong_colour_is_one_word_that_nobody_takes_for_the_right_one(captions):
    for number, text in enumerate(captions):
        found = harmed_text("wrong colour", text, str(number))
        old, new = words(text), words(found)
        if not any(re.search(rf"\b{word}\b", text, re.I) for key in FAR for word in key.split()):
            assert found == text
            continue
        assert found != text
        start = next(n for n in range(len(new)) if old[n] != new[n])
        after = len(new) - start - 1
        assert after == 0 or old[-after:] == new[-after:]
        right = old[start : len(old) - after]  # "dark blue": both words go
        assert len(right) in (1, 2)
        assert new[start] in FAR[next(key for key in FAR if right[-1] in key.split())].split()


def test_clothes_have_the_wrong_colour_rather_than_hair_and_no_colour_of_the_others():
    text = "A woman with brown hair in a Dark Red coat and black shoes"
    found = {harmed_text("wrong colour", text, str(query)) for query in range(60)}
    assert all("brown hair" in each for each in found)
    assert any("a Blue coat" in each for each in found)
    assert not any("Black coat" in each for each in found)
    assert not any("red coat" in each.lower() for each in found if "black shoes" in each)


def test_no_colour_is_far_from_itself():
    known = {word: key for key in FAR for word in key.split()}
    for key, far in FAR.items():
        assert all(known[word] != key for word in far.split())


def test_short_queries_keep_the_person_and_the_first_clothes_or_six_words(captions):
    assert harmed_text("first clothes", LONG, "x") == "young woman in gray t-shirt"
    assert harmed_text("first clothes", "carrying a black bag, in blue jeans", "x") == "blue jeans"
    assert harmed_text("six words", "A man with a hat and a coat", "x") == "A man with a hat"
    for text in captions:
        found = harmed_text("six words", text, "x")
        assert found == text or (text.startswith(found) and len(found.split()) <= 6)
        told = Counter(words(harmed_text("first clothes", text, "x")))
        assert told - Counter({"in": 1}) <= Counter(words(text))


def test_a_sentence_cut_in_two_tells_the_same():
    found = harmed_text("cut in two", ONE, "x")
    first, second = sub_sentences(found, ".")
    assert first == "A man wearing a red and white striped shirt"
    assert re.fullmatch(r"(Also, he|He) has black pants and brown shoes", second.strip())
    woman = "A lady in a red dress carrying a bag and wearing white shoes."
    assert "she is wearing white shoes." in harmed_text("cut in two", woman, "x").lower()
    both = "A woman in a pink jacket and black tights is carrying a bag."
    assert harmed_text("cut in two", both, "x") == both  # no place for a stop
    assert harmed_text("cut in two", LONG, "x") == LONG


def test_added_words_of_a_cut_are_those_that_begin_a_sentence(captions):
    added = Counter(["also", "she", "he", "they", "has", "have", "is", "are"])
    for number, text in enumerate(captions):
        found = Counter(words(harmed_text("cut in two", text, str(number))))
        assert found - Counter(words(text)) <= added
        assert Counter(words(text)) - found <= Counter({"and": 1, "with": 1})


def test_several_sentences_are_run_on_as_one():
    told = "A man in a red coat. He has a bag; shoes .He walks."
    wanted = "A man in a red coat and he has a bag and shoes and he walks."
    assert harmed_text("run on", told, "x") == wanted
    assert harmed_text("run on", ONE, "x") == ONE


def test_capitals_marks_and_prefixes_change_no_word(captions):
    for text in captions:
        assert harmed_text("capitals", text, "x") == text.upper()
        bare = harmed_text("no marks", text, "x")
        assert bare == text or re.fullmatch(r"[\w ]+", bare)
        assert bare == text or bare.replace(" ", "") == re.sub(r"[\W_]", "", text.lower())
        asked = harmed_text("search box", text, "x")
        assert asked.lower().endswith(text.strip().lower())
        assert asked.startswith(ASKED)
    assert harmed_text("no marks", "A man's T-shirt, red.", "x") == "a mans t shirt red"


def test_spelling_crosses_the_ocean_and_comes_back():
    text = "Grey coat, COLORED bag, light colour shirt, checkered jewelry, a grayling"
    there = harmed_text("other spelling", text, "x")
    wanted = "Gray coat, COLOURED bag, light color shirt, chequered jewellery, a grayling"
    assert there == wanted
    assert harmed_text("other spelling", there, "x") == text
    assert all(SPELT[SPELT[word]] == word for word in SPELT)


def test_key_words_are_those_that_tell_in_the_captions_order(captions):
    text = "A man wearing a red coat is carrying a pair of black bags on his left shoulder."
    assert harmed_text("key words", text, "x") == "man red coat black bags"
    for text in captions:
        left = iter(words(text))
        assert all(word in left for word in words(harmed_text("key words", text, "x")))


# ---- photos


def scene(rows=128, columns=64):
    """A person of flat colours on a smooth ground."""
    pixels = np.empty((rows, columns, 3), np.uint8)
    pixels[:] = np.linspace(90, 140, rows)[:, None, None]
    pixels[rows // 8 : rows // 2, columns // 4 : -columns // 4] = (180, 40, 40)
    pixels[rows // 2 : -rows // 8, columns // 4 : -columns // 4] = (30, 40, 110)
    return pixels


def gap(one, other):
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("size", [(4, 4), (37, 13), (128, 64), (200, 90)])
def test_a_harmed_photo_is_as_large_as_it_was_and_the_same_again(name, size):
    pixels = scene(*size)
    pixels.flags.writeable = False
    found = harmed_photo(name, pixels, "photo")
    assert (found.shape, found.dtype) == (pixels.shape, np.uint8)
    assert np.array_equal(found, harmed_photo(name, pixels, "photo"))
    if size[0] > 4:
        assert gap(found, pixels) > 0.1 or name == "mirrored"  # the scene is its own mirror image


@pytest.mark.parametrize("name", ["noise", "hidden side", "hidden below", "motion blur"])
def test_each_photo_is_harmed_in_its_own_way(name):
    assert gap(harmed_photo(name, scene(), "1"), harmed_photo(name, scene(), "2")) > 0.1


@pytest.mark.parametrize("name", ["small 48x24", "small 32x16", "blurred", "motion blur"])
def test_blurs_and_distance_take_detail_and_leave_brightness_and_colour(name):
    pixels = np.random.default_rng(0).integers(0, 256, (128, 64, 3)).astype(np.uint8)
    found = harmed_photo(name, pixels, "x")
    assert np.abs(found.mean((0, 1)) - pixels.mean((0, 1))).max() < 3
    assert found.std() < pixels.std() / 2


def test_light_is_less_or_more_everywhere():
    pixels = scene()
    assert (harmed_photo("dark", pixels, "x") <= 0.36 * pixels + 1).all()
    found = harmed_photo("over-exposed", pixels, "x")
    assert (found > pixels).all()
    assert found.max() == 255


def test_compression_is_that_of_a_jpeg_of_quality_10():
    found, file = harmed_photo("JPEG 10", scene(), "x"), io.BytesIO()
    Image.fromarray(scene()).save(file, "JPEG", quality=10)
    assert gap(found, np.asarray(Image.open(file))) < 2  # two coders round apart


def test_noise_is_as_strong_as_told_and_has_no_bias():
    pixels = np.full((128, 64, 3), 128, np.uint8)
    noise = harmed_photo("noise", pixels, "x").astype(float) - pixels
    assert noise.std() == pytest.approx(25, abs=1)
    assert abs(noise.mean()) < 1


def test_what_hides_a_person_is_gray_and_leaves_the_rest_alone():
    pixels = scene()
    sides = set()
    for photo in range(12):
        found = harmed_photo("hidden side", pixels, str(photo))
        wrong = (found != pixels).any(2)
        part = wrong.any(0).nonzero()[0]
        sides.add(int(part[0]))
        assert wrong.any(0).sum() == 16
        assert (found[wrong] == found[wrong][:, :1]).all()
    assert sides == {0, 48}
    rows = (harmed_photo("hidden below", pixels, "x") != pixels).any((1, 2)).nonzero()[0]
    assert rows.min() == 85
    assert len(rows) == 43


def test_crops_show_more_or_less_around_the_person():
    pixels = scene()
    red = (pixels[:, :, 0] > 150).sum()
    loose, tight = (harmed_photo(f"{name} crop", pixels, "x") for name in ("loose", "tight"))
    assert (loose[:, :, 0] > 150).sum() == pytest.approx(red / 1.4**2, rel=0.1)
    assert (tight[:, :, 0] > 150).sum() == pytest.approx(red / 0.8**2, rel=0.1)


def test_a_colour_cast_changes_hue_and_grayscale_leaves_none():
    grays = np.full((16, 8, 3), 120, np.uint8)
    casts = {tuple(harmed_photo("colour cast", grays, str(n))[0, 0].tolist()) for n in range(30)}
    assert casts == {(144, 120, 90), (96, 116, 144), (108, 134, 108)}
    found = harmed_photo("grayscale", scene(), "x")
    assert (found == found[:, :, :1]).all()


def test_mirrored_is_mirrored():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 6, 3)).astype(np.uint8)
    assert np.array_equal(harmed_photo("mirrored", pixels, "x")[:, ::-1], pixels)
