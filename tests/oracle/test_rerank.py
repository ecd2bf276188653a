"""Re-rankings equal slow literal forms with Python sets, and no order of the data changes a score,
photos that are stored twice included."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from passerby.ranking.metrics import outcomes, summary
from passerby.ranking.order import rank
from passerby.ranking.rerank import average_expansion, k_reciprocal, visual_neighbours
from passerby.types import Ranking

EVERY = {
    "neighbours": lambda r, p: visual_neighbours(r, p, k=4, weight=0.3),
    "k-reciprocal": lambda r, p: k_reciprocal(r, p, k1=6, k2=3, weight=0.3),
    "expansion": lambda r, p: average_expansion(r, p, k=3, weight=0.7),
}


def drawn(seed, queries=9, photos=40, twice=0, persons=8, dim=6):
    """Query ids, photo ids, scores (Q, P), photo vectors; the first `twice` photos have copies of
    equal scores, and many scores are equal."""
    generator = torch.Generator().manual_seed(seed)
    person = torch.randint(0, persons, (photos,), generator=generator)
    looks = torch.randn(persons, dim, generator=generator)
    vectors = looks[person] + 0.7 * torch.randn(photos, dim, generator=generator)
    vectors[photos - twice :] = vectors[:twice]
    asked = looks[torch.arange(queries) % persons] + torch.randn(queries, dim, generator=generator)
    scores = normalize(asked, dim=1) @ normalize(vectors, dim=1).T
    if twice:
        scores = (scores * 8).round() / 8
    names = [f"p{(7 * place) % 101:03d}" for place in range(photos)]  # not in order of the ids
    return [f"q{row}" for row in range(queries)], names, scores, vectors


def by_id(ranking):
    """{(query, photo): score}."""
    return {
        (query, photo): score
        for row, query in enumerate(ranking.queries)
        for photo, score in ranking.top(row, len(ranking.photos))
    }


class Slow:
    """The definitions, one query and one photo at a time; lists of photos are by id."""

    def __init__(self, names, vectors):
        self.ids, self.order = sorted(names), {}
        unit = dict(zip(names, normalize(vectors.double(), dim=1), strict=True))
        self.cos = {(a, b): float(unit[a] @ unit[b]) for a in names for b in names}

    def first(self, k, score, own=None):
        """The k photos of greatest score, `own` before all others, equal ones by id."""
        key = {i: (i != own, -round(score[i] * 1e6), i) for i in self.ids}
        return sorted(self.ids, key=key.__getitem__)[:k]

    def near(self, photo, k):
        if photo not in self.order:
            score = {i: self.cos[photo, i] for i in self.ids}
            self.order[photo] = self.first(len(self.ids), score, photo)
        return self.order[photo][:k]

    def neighbours(self, s, k, weight):
        mine, found = set(self.first(k, s)), {}
        for photo in self.ids:
            theirs = set(self.near(photo, k))
            found[photo] = s[photo] + weight * len(mine & theirs) / len(mine | theirs)
        return found

    def expansion(self, s, k, weight):
        mine = self.first(k, s)
        return {
            photo: (s[photo] + weight * sum(self.cos[n, photo] for n in mine))
            / (1 + weight * len(mine))
            for photo in self.ids
        }

    def mutual(self, photo, k):
        return {n for n in self.near(photo, k + 1) if photo in self.near(n, k + 1)}

    def grown(self, chosen, k1):
        found = set(chosen)
        for photo in chosen:
            other = self.mutual(photo, math.ceil(k1 / 2))
            if 3 * len(chosen & other) >= 2 * len(other):
                found |= other
        return found

    def encoding(self, photo, k1):
        return {
            n: 1.0 if n == photo else math.exp(min(1, self.cos[photo, n]) - 1)
            for n in self.grown(self.mutual(photo, k1), k1)
        }

    def mean(self, encodings):
        columns = set().union(*encodings)
        return {c: sum(e.get(c, 0) for e in encodings) / len(encodings) for c in columns}

    def reciprocal(self, s, k1, k2, weight):
        plain = {i: self.encoding(i, k1) for i in self.ids}
        photos = {i: self.mean([plain[n] for n in self.near(i, k2)]) for i in self.ids}
        top = max(s.values())
        own = {n: math.exp(s[n] - top) for n in self.grown(set(self.first(k1, s)), k1)}
        query = self.mean([own, *(plain[n] for n in self.first(k2 - 1, s))])
        found = {}
        for photo, other in photos.items():
            columns = set(query) | set(other)
            least = sum(min(query.get(c, 0), other.get(c, 0)) for c in columns)
            most = sum(max(query.get(c, 0), other.get(c, 0)) for c in columns)
            found[photo] = (1 - weight) * least / most + weight * s[photo]
        return found


def expected(case, kind, *settings):
    queries, names, scores, vectors = case
    slow = Slow(names, vectors)
    found = {}
    for query, row in zip(queries, scores.double().tolist(), strict=True):
        s = {name: round(value * 1e6) / 1e6 for name, value in zip(names, row, strict=True)}
        found |= {(query, i): v for i, v in getattr(slow, kind)(s, *settings).items()}
    return found


def whole(case):
    queries, names, scores, _ = case
    return rank(queries, names, scores)


@pytest.mark.parametrize("twice", [0, 12])
@pytest.mark.parametrize("k", [1, 5, 60])
def test_visual_neighbours_are_the_jaccard_overlap_of_sets(k: int, twice: int) -> None:
    case = drawn(k, twice=twice)
    found = by_id(visual_neighbours(whole(case), case[3], k, 0.4))
    assert found == pytest.approx(expected(case, "neighbours", k, 0.4), abs=2e-6)


@pytest.mark.parametrize("twice", [0, 12])
@pytest.mark.parametrize("k", [1, 5, 60])
def test_average_expansion_sums_cosines_with_the_best_photos(k: int, twice: int) -> None:
    case = drawn(k + 1, twice=twice)
    found = by_id(average_expansion(whole(case), case[3], k, 0.6))
    assert found == pytest.approx(expected(case, "expansion", k, 0.6), abs=2e-6)


@pytest.mark.parametrize("twice", [0, 12])
@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (6, 3), (9, 4), (20, 6), (60, 50)])
def test_k_reciprocal_is_its_definition_with_sets(k1: int, k2: int, twice: int) -> None:
    case = drawn(k1, twice=twice)
    found = by_id(k_reciprocal(whole(case), case[3], k1, k2, 0.3))
    assert found == pytest.approx(expected(case, "reciprocal", k1, k2, 0.3), abs=2e-6)


def test_the_sets_of_k_reciprocal_do_grow_here() -> None:
    """Else the test above would not see equation 4."""
    _, names, _, vectors = drawn(6)
    slow = Slow(names, vectors)
    assert any(slow.grown(slow.mutual(i, 6), 6) > slow.mutual(i, 6) for i in names)
    assert any(slow.mutual(i, 6) < set(slow.near(i, 7)) for i in names)


def permuted(case, seed):
    """The case with its queries and its gallery in another order."""
    queries, names, scores, vectors = case
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(queries), generator=generator)
    columns = torch.randperm(len(names), generator=generator)
    return (
        [queries[row] for row in rows],
        [names[column] for column in columns],
        scores[rows][:, columns],
        vectors[columns],
    )


@pytest.mark.parametrize("twice", [0, 20])
@pytest.mark.parametrize("kind", EVERY)
def test_no_permutation_of_queries_or_gallery_changes_a_score(kind: str, twice: int) -> None:
    case = drawn(11, twice=twice)
    found = by_id(EVERY[kind](whole(case), case[3]))
    for seed in range(5):
        moved = permuted(case, seed)
        assert by_id(EVERY[kind](whole(moved), moved[3])) == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize("kind", EVERY)
def test_each_query_is_re_ranked_as_if_alone(kind: str) -> None:
    queries, names, scores, vectors = drawn(12)
    together = by_id(EVERY[kind](rank(queries, names, scores), vectors))
    for row, query in enumerate(queries):
        alone = by_id(EVERY[kind](rank([query], names, scores[row : row + 1]), vectors))
        assert alone == pytest.approx({k: v for k, v in together.items() if k[0] == query})


def leaking(ranking, photos):
    """Overlap of the numbers of a photo's best captions and the numbers of photo j's neighbours,
    given to caption j: numbers of different things, which agree where data are in order."""
    scores = torch.empty(ranking.scores.shape, dtype=torch.float64)
    scores.scatter_(1, ranking.order, ranking.scores)
    unit = normalize(photos, dim=1)
    near = torch.zeros(len(photos), len(photos)).scatter_(1, (unit @ unit.T).topk(3).indices, 1)
    liked = torch.zeros(len(photos), len(photos)).scatter_(1, scores.T.topk(3).indices, 1)
    return rank(ranking.queries, ranking.photos, scores + 0.5 * near @ liked.T / 3)


def test_a_re_ranker_that_compares_positions_would_gain_and_be_caught() -> None:
    """Photos and captions in the order of persons, a caption a photo: nothing but that order makes
    Rank-1 rise."""
    generator = torch.Generator().manual_seed(0)
    person = torch.arange(120) // 3
    looks = torch.randn(40, 12, generator=generator)
    vectors = looks[person] + 0.5 * torch.randn(120, 12, generator=generator)
    asked = looks[person] + 1.5 * torch.randn(120, 12, generator=generator)
    scores = normalize(asked, dim=1) @ normalize(vectors, dim=1).T
    names = [f"p{place:03d}" for place in range(120)]
    case = (names, names, scores, vectors)

    def rank_1(ranking: Ranking) -> float:
        who = {name: int(p) for name, p in zip(names, person, strict=True)}
        asked_for = torch.tensor([who[query] for query in ranking.queries])
        on_photo = torch.tensor([who[photo] for photo in ranking.photos])
        return summary(outcomes(ranking, asked_for[:, None] == on_photo))["rank-1"]

    moved = permuted(case, 1)
    assert rank_1(leaking(whole(case), vectors)) > rank_1(whole(case)) + 5
    assert rank_1(leaking(whole(moved), moved[3])) < rank_1(whole(case)) + 2
    changed = by_id(leaking(whole(moved), moved[3]))
    assert changed != pytest.approx(by_id(leaking(whole(case), vectors)), abs=1e-9)
