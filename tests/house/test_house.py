"""The house: imports run downhill, files keep their size, recipes parse, nothing foreign."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "passerby"

# What each room may import of ours; a room may always import from itself.
GROUND = {"types", "method", "errors", "calibration"}
ROOMS = {
    "errors": set(),
    "types": {"errors"},
    "calibration": {"errors"},
    "method": {"types", "errors", "calibration"},
    **dict.fromkeys(
        ["data", "drawn", "encoders", "language", "losses", "similarity", "ranking"], GROUND
    ),
    "methods": GROUND | {"encoders", "language", "losses", "similarity"},
    "embedding": GROUND,
    "reports": GROUND | {"ranking", "data"},
    "doctor": GROUND | {"data"},
    "evaluation": GROUND | {"embedding", "ranking", "data", "reports"},
    "tuning": GROUND | {"embedding", "evaluation", "ranking", "data"},
    "fitting": GROUND | {"embedding", "evaluation", "data", "drawn"},
    "training": GROUND | {"data"},
    "gallery": GROUND | {"embedding", "ranking", "data"},
    "config": GROUND | {"data", "encoders", "training"},
    "build": GROUND | {"config", "encoders", "language", "methods", "gallery"},
    "released": GROUND | {"build", "config", "encoders", "methods", "language"},
    "runs": GROUND
    | {"build", "config", "data", "drawn", "embedding", "evaluation", "training", "tuning"},
    "__init__": {"build", "gallery", "method"},
    "__main__": {"cli"},
    "cli": None,  # the top floor: everything below
}
LONGEST = 400
# A reason for each file above it.
EXCUSED: dict[str, str] = {}


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room_of(file: Path) -> str:
    first = file.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def imported_rooms(file: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file.name}: write the whole name of what is imported"
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "passerby" and len(parts) > 1:
                rooms.add(parts[1])
    return rooms - {"__version__"}


@pytest.mark.parametrize("file", files(), ids=lambda f: str(f.relative_to(SOURCE)))
def test_imports_run_downhill(file: Path) -> None:
    room = room_of(file)
    assert room in ROOMS, f"{room} is a new room: give it a floor in this table"
    allowed = ROOMS[room]
    if allowed is not None:
        uphill = imported_rooms(file) - allowed - {room}
        assert not uphill, f"{room} may not import {sorted(uphill)}"


def test_methods_never_import_each_other() -> None:
    names = {file.stem for file in (SOURCE / "methods").glob("*.py")}
    for file in (SOURCE / "methods").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        for other in names - {file.stem, "__init__"}:
            assert f"methods.{other}" not in text


@pytest.mark.parametrize("file", files(), ids=lambda f: str(f.relative_to(SOURCE)))
def test_a_file_stays_within_its_size(file: Path) -> None:
    name = str(file.relative_to(SOURCE))
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST or name in EXCUSED, f"{name} has {lines} lines"


def test_every_function_fits_a_screen() -> None:
    for file in files():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                assert length <= 60, f"{file.name}: {node.name} has {length} lines"


def test_no_room_without_a_noun() -> None:
    nameless = {"utils", "util", "common", "core", "engine", "helpers", "helper", "misc"}
    found = [f for f in ROOT.rglob("*.py") if ".venv" not in f.parts and f.stem in nameless]
    assert not found


def test_the_command_line_imports_no_heavy_library_at_its_top() -> None:
    heavy = {"torch", "transformers", "lancedb", "cv2", "numpy", "pyarrow"}
    for file in (SOURCE / "cli").glob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & heavy, file.name


@pytest.mark.parametrize("file", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda f: f.stem)
def test_every_recipe_parses_and_its_method_takes_it(file: Path) -> None:
    from passerby.build import method_settings
    from passerby.config import read_recipe

    method_settings(read_recipe(file))


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_no_absolute_path_and_no_registry_address_in_the_repository() -> None:
    bad = re.compile(r"/work/(main|shared)|/root/|/home/\w+/|pypi\.org|registry\.npmjs|deb\.debian")
    for file in tracked():
        if file.suffix in (".py", ".md", ".toml", ".txt", ".json", ".html", "") and file.is_file():
            if file == Path(__file__):
                continue
            text = file.read_text(encoding="utf-8", errors="ignore")
            assert not bad.search(text), f"{file.name}: {bad.search(text)}"


def test_nothing_needs_a_folder_beside_the_project() -> None:
    for file in tracked():
        if file.suffix == ".py" and file.parts[-2:] != ("house", "test_house.py"):
            assert "../shared" not in file.read_text(encoding="utf-8"), file.name
