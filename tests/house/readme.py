"""Runs the README's commands on a user's own folder, and those that train, as written, in a
scratch folder.

    python tests/house/readme.py SCRATCH

Takes the lines between <!-- NAME:start --> and <!-- NAME:end -->, NAME in PARTS, that begin with
`.venv/bin/passerby`, with FOLDER a folder of photos drawn here.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


PARTS = ("own-folder", "train")


def commands(name: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    part = text.split(f"<!-- {name}:start -->")[1].split(f"<!-- {name}:end -->")[0]
    found = re.findall(r"^\.venv/bin/passerby .+$", part, re.M)
    assert len(found) >= 2, f"README.md has no commands in its part {name}"
    return found


def main() -> None:
    scratch = Path(sys.argv[1])
    program = str(ROOT / ".venv" / "bin" / "passerby")
    people = scratch / "people"
    subprocess.run([program, "draw", people, "--persons", "20", "--photos", "2"], check=True)
    os.rename(people / "imgs", scratch / "FOLDER")  # noqa: PTH104
    (scratch / "recipes").symlink_to(ROOT / "recipes")
    for line in [line for part in PARTS for line in commands(part)]:
        print(f"$ {line}", flush=True)
        words = [program, *shlex.split(line, comments=True)[1:]]
        subprocess.run(words, cwd=scratch, check=True)


if __name__ == "__main__":
    main()
