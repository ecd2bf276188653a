"""Search a folder of photos by a sentence.

    python examples/01_search_a_folder.py FOLDER "a woman in a red coat with a white handbag"

Indexes the folder with the default model (again only what is new), then prints the best photos.
The same on the command line: passerby index FOLDER --gallery G; passerby search "..." --gallery G
"""

import argparse
from pathlib import Path

import passerby
from passerby.gallery.ingest import ingest
from passerby.gallery.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sentence")
    parser.add_argument("--gallery", type=Path, default=Path("gallery"))
    given = parser.parse_args()

    method = passerby.load()
    with Store.write(given.gallery, method.fingerprint, "default") as store:
        summary = ingest(method, store, given.folder)
    print(f"{summary.embedded} photos embedded, {summary.unchanged} unchanged")
    for path, reason in summary.broken:
        print(f"left out: {path}: {reason}")

    gallery = passerby.open(given.gallery)
    for hit in gallery.search(given.sentence, k=5):
        likely = "" if hit.probability is None else f"{hit.probability:.0%}"
        print(hit.rank, f"{hit.score:.3f}", likely, hit.path)


if __name__ == "__main__":
    main()
