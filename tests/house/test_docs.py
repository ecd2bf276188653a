"""The docs are true: tables come from results/, commands exist, links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_generated_tables_are_current() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "tables.py", "--check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_inside_the_repository_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_named_in_code_marks_exist(page: Path) -> None:
    pattern = r"`((?:src|recipes|results|examples|benchmarks|docs|tests)/[\w./-]+\.\w+)`"
    for name in re.findall(pattern, page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), f"{page.name}: {name}"


def test_every_command_and_option_in_the_readme_exists() -> None:
    import typer

    from passerby.cli import app

    known: dict[str, set[str]] = {}
    for name, command in typer.main.get_command(app).commands.items():
        inner = getattr(command, "commands", {})
        for words, own in [(name, command), *((f"{name} {n}", c) for n, c in inner.items())]:
            known[words] = {o for p in own.params for o in [*p.opts, *p.secondary_opts]}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(
        r"^(?:\.venv/bin/)?passerby ((?:gallery )?[\w-]+)(.*?)(?: #.*)?$", text, re.M
    )
    assert lines
    for name, rest in lines:
        assert name in known, f"passerby {name}"
        quoted_out = re.sub(r'"[^"]*"', "", rest)
        for option in re.findall(r"(?<=\s)--?[a-z][\w-]*", quoted_out):
            assert option in known[name], f"passerby {name} {option}"


def test_every_number_in_results_has_a_command_and_a_commit() -> None:
    import json

    for file in (ROOT / "results").glob("*.json"):
        told = json.loads(file.read_text(encoding="utf-8"))
        card = told.get("card", told)
        assert card["command"], file.name
        assert re.fullmatch(r"[0-9a-f]{7,40}", card["commit"]), f"{file.name}: of no clean commit"
        assert told.get("metrics") or told.get("values"), file.name


def test_no_table_waits_for_its_number() -> None:
    assert "Not measured yet" not in (ROOT / "README.md").read_text(encoding="utf-8")
