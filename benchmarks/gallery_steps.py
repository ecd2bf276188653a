"""The steps of gallery.py: each runs in a process of its own and gives what it measured."""

from __future__ import annotations

import argparse
import re
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from gallery_drawn import BLOCK, FILTERS, camera, draw, parts

MODEL = "drawn vectors"
STORED_TOGETHER = 128  # photos, as `passerby index` stores them
NARROW = 50_000  # rows that are; the others in blocks, to save time
THUMBNAIL = 3000
SLACK = 1e-6
FLAT_TURNS = 15


def step_draw(given: argparse.Namespace) -> dict[str, Any]:
    draw(given.place, int(given.rows), given.dim, given.queries)
    return {"rank-1 of the vectors": round(float(np.load(given.place / "rank1.npy")), 3)}


def step_store(given: argparse.Namespace) -> dict[str, Any]:
    from passerby.gallery.store import Store

    rows, rates = int(given.rows), {}
    with Store.write(given.place / "gallery", MODEL, "default") as store:
        tables = _tables(given)
        for name, width, until in (
            (f"rows a second, {STORED_TOGETHER} at a time", STORED_TOGETHER, NARROW),
            (f"rows a second, {BLOCK} at a time", BLOCK, rows),
        ):
            spent = stored = 0.0
            while len(store) < min(until, rows):
                table = next(tables)
                began = time.perf_counter()
                for start in range(0, len(table), width):
                    store.add(table.slice(start, width))
                spent, stored = spent + time.perf_counter() - began, stored + len(table)
            if stored:
                rates[name] = round(stored / spent)
        began = time.perf_counter()
        store.compact()
    return rates | {"seconds to compact": _since(began), **_memory()}


def _tables(given: argparse.Namespace) -> Iterator[Any]:
    from passerby.gallery.rows import Row, to_table

    vectors = np.load(given.place / "photos.npy", mmap_mode="r")
    picture = np.random.default_rng(0).bytes(THUMBNAIL)
    start = 0
    for part in parts(len(vectors), given.parts, given.dim):
        numbers = range(start, start + len(part))
        rows = [
            Row(n, f"/photos/{n:08}.jpg", f"{n:032x}", 9000, n, 64, 128, camera(n), None, None,
                picture)
            for n in numbers
        ]  # fmt: skip
        yield to_table(
            rows, {"vector": np.asarray(vectors[start : start + len(part)]), "parts": part}
        )
        start += len(part)


def step_build(given: argparse.Namespace) -> dict[str, Any]:
    import lancedb

    from passerby.gallery.indexing import improve
    from passerby.gallery.store import TABLE, Store

    began, gallery = time.perf_counter(), given.place / "gallery"
    told: list[tuple[float, str]] = []
    # measured with other sentences than it is judged by
    texts = np.load(given.place / "texts.npy")
    with Store.write(gallery, MODEL, "default") as store:
        half = texts[: len(texts) // 2]
        hear = lambda doing: told.append((time.perf_counter(), doing))  # noqa: E731
        card = improve(store, half, when="always", progress=hear).card
        assert card is not None
        built = next(at for at, doing in told if doing.startswith("comparing")) - told[0][0]
    # as the gallery is when nobody can be on an older version any more
    table = lancedb.connect(gallery).open_table(TABLE)
    warnings.simplefilter("ignore")
    table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
    sizes = {index.name: index.size_bytes or 0 for index in table.list_indices()}
    size = _size(gallery)
    return {
        "seconds to build": round(built, 1),
        "seconds with measuring": _since(began),
        "bytes of the index": sum(sizes.values()),
        "bytes of the gallery": size,
        "bytes a row": round(size / int(given.rows)),
        "card": {
            name: getattr(card, name)
            for name in ("why", "partitions", "bits", "probes", "refine", "recall", "deep",
                         "queries", "milliseconds", "flat_milliseconds")
        },
        **_memory(),
    }  # fmt: skip


def _asked(given: argparse.Namespace) -> np.ndarray:
    """The queries that the index was not fitted to."""
    texts = np.load(given.place / "texts.npy")
    return texts[len(texts) // 2 :]


def step_search(given: argparse.Namespace, *, index: bool) -> dict[str, Any]:
    from passerby.gallery.store import Store

    store = Store.open(given.place / "gallery")
    truth = np.load(given.place / "truth-all.npy")[given.queries // 2 :]
    queries, told = _asked(given), {}
    if index and store.newest().index is None:
        return {"no index": store.newest().said or "it was not kept"}
    for name, n, columns in (("10 nearest", 10, ("path",)), ("shortlist of 200", 201, None)):

        def ask(query: np.ndarray, n: int = n, columns: Any = columns) -> np.ndarray:
            version = store.newest()
            wanted = columns or ("path", *version.embedded())
            return version.nearest(query, n, None, wanted, index=version.index if index else None)[
                1
            ]

        some = queries if index else queries[:FLAT_TURNS]
        told[name] = _timed(ask, some, truth, min(n, 200))
    return told | _memory()


def step_filtered(given: argparse.Namespace) -> dict[str, Any]:
    """As a search does: photos that pass are counted, then the index or every one is asked."""
    from passerby.gallery.store import Store

    store, told = Store.open(given.place / "gallery"), {}
    for name in ("10 %", "0.1 %"):
        truth = np.load(given.place / f"truth-{name}.npy")[given.queries // 2 :]
        ways = set()

        def ask(query: np.ndarray, where: Any = FILTERS[name], ways: Any = ways) -> np.ndarray:
            version = store.newest()
            here = version.index if version.indexed(10, version.count(where)) else None
            ways.add("index" if here else "flat")
            return version.nearest(query, 10, where, ("path",), index=here)[1]

        some = _asked(given)[:30]
        told[f"{name} pass, 10 nearest"] = _timed(ask, some, truth, 10) | {
            "way": " ".join(sorted(ways))
        }
    return told | _memory()


def step_faiss(given: argparse.Namespace, kind: str) -> dict[str, Any]:
    import faiss

    faiss.omp_set_num_threads(given.cores)
    vectors = np.load(given.place / "photos.npy", mmap_mode="r")
    began = time.perf_counter()
    if kind == "flat":
        index = faiss.IndexFlatIP(given.dim)
    else:
        index = faiss.IndexHNSWFlat(given.dim, 32, faiss.METRIC_INNER_PRODUCT)
    for start in range(0, len(vectors), 100_000):
        index.add(np.ascontiguousarray(vectors[start : start + 100_000]))
    built = time.perf_counter() - began
    file = given.place / f"{kind}.faiss"
    faiss.write_index(index, str(file))
    return {"seconds to build": round(built, 1), "bytes": file.stat().st_size, **_memory()}


def step_faiss_search(given: argparse.Namespace, kind: str) -> dict[str, Any]:
    import faiss

    faiss.omp_set_num_threads(given.cores)
    index = faiss.read_index(str(given.place / f"{kind}.faiss"))
    truth = np.load(given.place / "truth-all.npy")[given.queries // 2 :]
    queries, told = _asked(given), {}
    for name, n in (("10 nearest", 10), ("shortlist of 200", 200)):

        def ask(query: np.ndarray, n: int = n) -> np.ndarray:
            return index.search(query[None], n)[0][0]

        if kind == "flat":
            told[name] = _timed(ask, queries[:FLAT_TURNS], truth, n)
            continue
        for width in (16, 32, 64, 128, 256, 512, 1024, 2048):
            if width < n:
                continue
            index.hnsw.efSearch = width
            told[name] = _timed(ask, queries, truth, n) | {"efSearch": width}
            if told[name]["recall"] >= 0.99:
                break
    return told | _memory()


def _timed(
    ask: Callable[[np.ndarray], np.ndarray], queries: np.ndarray, truth: np.ndarray, n: int
) -> dict[str, float]:
    """Milliseconds a query after one that is not counted, and the share of the n nearest found."""
    ask(queries[0])
    spent, found = [], 0
    for query, cosines in zip(queries, truth, strict=False):
        began = time.perf_counter()
        near = ask(query)
        spent.append(1000 * (time.perf_counter() - began))
        there = min(n, len(cosines))
        found += int((near[:there] >= cosines[there - 1] - SLACK).sum()) / there
    return {
        "p50": round(float(np.median(spent)), 2),
        "p99": round(float(np.quantile(spent, 0.99)), 2),
        "recall": int(1e4 * found / len(queries)) / 1e4,
    }


def _memory() -> dict[str, float]:
    """The most that the process has held. VmHWM: getrusage would count what started it."""
    status = Path("/proc/self/status")
    if status.exists():
        held = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
        kilobytes = int(held[1]) if held else 0
    else:
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"peak memory, GiB": round(kilobytes / (1 << 20), 2)}


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 1)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


STEPS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "draw": step_draw,
    "store": step_store,
    "build": step_build,
    "search-index": lambda given: step_search(given, index=True),
    "search-flat": lambda given: step_search(given, index=False),
    "search-filtered": step_filtered,
    "faiss-flat": lambda given: step_faiss(given, "flat"),
    "faiss-flat-search": lambda given: step_faiss_search(given, "flat"),
    "faiss-hnsw": lambda given: step_faiss(given, "hnsw"),
    "faiss-hnsw-search": lambda given: step_faiss_search(given, "hnsw"),
}
