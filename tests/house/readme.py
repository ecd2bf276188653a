"""Runs the README's commands on a user's own folder, as written, in a scratch folder.

    python tests/house/readme.py SCRATCH

Takes the lines between <!-- own-folder:start --> and <!-- own-folder:end --> that begin with
`.venv/bin/passerby`, with FOLDER a folder of photos drawn here.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    part = text.split("<!-- own-folder:start -->")[1].split("<!-- own-folder:end -->")[0]
    return re.findall(r"^\.venv/bin/passerby .+$", part, re.M)


def main() -> None:
    scratch = Path(sys.argv[1])
    program = str(ROOT / ".venv" / "bin" / "passerby")
    people = scratch / "people"
    subprocess.run([program, "draw", people, "--persons", "20", "--photos", "2"], check=True)
    os.rename(people / "imgs", scratch / "FOLDER")  # noqa: PTH104
    found = commands()
    assert len(found) >= 2, "README.md has no commands for a user's own folder"
    for line in found:
        print(f"$ {line}", flush=True)
        words = [program, *shlex.split(line, comments=True)[1:]]
        subprocess.run(words, cwd=scratch, check=True)


if __name__ == "__main__":
    main()
