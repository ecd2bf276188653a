"""Ranking with contextual attention at the size of CUHK-PEDES: time, memory, and a shortlist.

    python benchmarks/ranking.py [--photos 3074] [--captions 6156] [--out results/ranking.json]

Embeddings are drawn, not learnt: persons have a look and six parts at random, photos and words are
these and noise. What is measured is the ranking: the texts are made in blocks, and their making is
not counted. Every photo has 6 parts, every caption 15 to 60 items, each with a key (or query) and a
value of 768 numbers. The shortlist is the 200 photos with the greatest cosine, as in a search.
"""

import argparse
import resource
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from report import finish, machine
from torch import Tensor

from passerby.embedding import embed_texts
from passerby.evaluation import blocks
from passerby.method import Method
from passerby.ranking.metrics import Outcomes, outcomes, summary
from passerby.ranking.order import rank
from passerby.similarity.cosine import cosine
from passerby.similarity.local_attention import local_similarity
from passerby.types import Batch, Caption, Embeddings, Photo, Ranking, Split, Texts

DIM, PARTS, ITEMS, EACH = 768, 6, (15, 60), 3  # EACH: photos a person
NOISE = {"photo": 1.0, "text": 7.0, "part": 1.0, "word": 16.0}  # Rank-1 as of a fair model
SHORTLIST, TOP, BLOCK = 200, 10, 256
GIB = 1 << 30


def drawn(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


class People(Method):
    """Caption n, whose text begins with n, tells of photo n % photos."""

    def __init__(self, photos: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.count = photos
        persons = -(-photos // EACH)
        # a person's look; the queries and the values of the parts
        self.looks = torch.randn(persons, DIM, generator=drawn(1))
        self.parts = torch.randn(persons, PARTS, 2, DIM, generator=drawn(2))
        self.making = 0.0  # CPU seconds spent in making texts

    def photos(self) -> Embeddings:
        who, generator = torch.arange(self.count) // EACH, drawn(3)
        vector = self.looks[who]
        vector += NOISE["photo"] * torch.randn(vector.shape, generator=generator)
        parts = torch.stack(
            [
                self.parts[p] + NOISE["part"] * torch.randn(PARTS, 2, DIM, generator=generator)
                for p in who.tolist()
            ]
        )
        return Embeddings(vector, parts[:, :, 0].contiguous(), parts[:, :, 1].contiguous())

    def tokenize(self, texts: Sequence[str]) -> Texts:
        return Texts(
            number=torch.tensor([int(text.split()[0]) for text in texts]),
            items=torch.tensor([len(text.split()) for text in texts]),
        )

    def encode_texts(self, texts: Texts) -> Embeddings:
        began = time.process_time()
        count, longest = len(texts), int(texts.items.max())
        vector = torch.empty(count, DIM)
        keys, values = (torch.zeros(count, longest, DIM) for _ in range(2))
        for row, (number, items) in enumerate(
            zip(texts.number.tolist(), texts.items.tolist(), strict=True)
        ):
            generator, who = drawn(1000 + number), number % self.count // EACH
            told = torch.randint(PARTS, (items,), generator=generator)
            words = self.parts[who, told]
            words = words + NOISE["word"] * torch.randn(words.shape, generator=generator)
            keys[row, :items], values[row, :items] = words[:, 0], words[:, 1]
            noise = torch.randn(DIM, generator=generator)
            vector[row] = self.looks[who] + NOISE["text"] * noise
        self.making += time.process_time() - began
        there = torch.arange(longest) < texts.items[:, None]
        return Embeddings(vector, keys, values, there)

    def encode_images(self, images: Tensor) -> Embeddings:
        raise NotImplementedError

    def similarity(self, texts: Embeddings, photos: Embeddings) -> Tensor:
        return cosine(texts.vector, photos.vector) + local_similarity(texts, photos)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        raise NotImplementedError


def people(photos: int, captions: int) -> Split:
    """The split of these photos, which have no files, and captions of 15 to 60 words."""
    items = torch.randint(ITEMS[0], ITEMS[1] + 1, (captions,), generator=drawn(4)).tolist()
    who = [str(n // EACH) for n in range(photos)]
    return Split(
        "drawn vectors",
        tuple(Photo(f"p{n}", Path(), person=who[n]) for n in range(photos)),
        tuple(
            Caption(f"c{n}", f"{n}" + " word" * (items[n] - 1), f"p{n % photos}", who[n % photos])
            for n in range(captions)
        ),
    )


@torch.inference_mode()
def shortlisted(
    method: People, split: Split, photos: Embeddings
) -> Iterator[tuple[int, int, Ranking]]:
    """Each caption's place, the photo nearest by cosine, and a Ranking of its shortlist only."""
    ids = [photo.id for photo in split.photos]
    for start in range(0, len(split.captions), BLOCK):
        rows = list(range(start, min(start + BLOCK, len(split.captions))))
        texts = embed_texts(method, [split.captions[row].text for row in rows])
        for place, row in enumerate(rows):
            text = texts.rows(slice(place, place + 1))
            near = cosine(text.vector, photos.vector)[0].topk(min(SHORTLIST, len(photos))).indices
            listed = near.sort().values
            scores = method.similarity(text, photos.rows(listed))
            names = [ids[n] for n in listed.tolist()]
            yield row, int(near[0]), rank([split.captions[row].id], names, scores, TOP)


class Clock:
    """CPU and wall seconds since it was made; CPU seconds of making texts are not counted."""

    def __init__(self, method: People) -> None:
        self.method, self.before = method, method.making
        self.cpu, self.wall = time.process_time(), time.monotonic()

    def read(self) -> tuple[float, float]:
        made = self.method.making - self.before
        return time.process_time() - self.cpu - made, time.monotonic() - self.wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=3074)
    parser.add_argument("--captions", type=int, default=6156)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    method = People(given.photos)
    split, photos = people(given.photos, given.captions), method.photos()
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    on_photo = torch.arange(given.photos) // EACH
    about = torch.arange(given.captions) % given.photos // EACH
    clock, found = Clock(method), []
    best: dict[str, set[str]] = {}
    for block in blocks(method, split, photos, BLOCK):
        ranking = block.ranking(method)
        found.append(outcomes(ranking, about[block.rows, None] == on_photo))
        for row, query in enumerate(ranking.queries):
            best[query] = {photo for photo, _ in ranking.top(row, TOP)}
    cpu, wall = clock.read()
    full = summary(Outcomes.cat(found))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    clock, same, shared, right = Clock(method), 0, 0, 0
    for row, nearest, ranking in shortlisted(method, split, photos):
        top = {photo for photo, _ in ranking.top(0, TOP)}
        common = len(top & best[ranking.queries[0]])
        shared, same = shared + common, same + (common == len(top))
        right += int(on_photo[nearest] == about[row])
    short_cpu, short_wall = clock.read()
    values = {
        "photos": given.photos,
        "captions": given.captions,
        "CPU seconds, whole gallery": round(cpu, 1),
        "wall seconds, whole gallery, texts made in them": round(wall, 1),
        "peak memory of the process, GiB": round(peak / GIB, 2),
        "of it before ranking, GiB": round(start / GIB, 2),
        "rank-1, whole gallery": round(full["rank-1"], 2),
        "rank-1, cosine alone": round(100 * right / given.captions, 2),
        f"CPU seconds, shortlist of {SHORTLIST}": round(short_cpu, 1),
        f"wall seconds, shortlist of {SHORTLIST}, texts made in them": round(short_wall, 1),
        f"percent of the first {TOP} that the shortlist finds": round(
            100 * shared / sum(map(len, best.values())), 2
        ),
        f"percent of queries with all first {TOP} the same": round(100 * same / len(best), 2),
    }
    finish("ranking", values, given.out, machine=machine(), threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
