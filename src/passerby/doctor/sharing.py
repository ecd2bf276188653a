"""Pictures that two data sets share: ICFG-PEDES and RSTPReid are both cut from MSMT17."""

from __future__ import annotations

from collections import defaultdict

from passerby.doctor.findings import Finding, Findings
from passerby.doctor.pictures import NAMED
from passerby.errors import shown


def sharing(mine: Findings, yours: Findings) -> Finding:
    """The pictures of one content in both data sets, and between which splits.

    It is not grave for either one alone; a model trained on the one must not be measured on the
    other where training photos are among the test's.
    """
    ours, theirs = _by_content(mine), _by_content(yours)
    both = [content for content in ours if content in theirs]
    between: dict[tuple[str, str], list[str]] = defaultdict(list)
    for content in both:
        for split, path in ours[content].items():
            for other, copy in theirs[content].items():
                between[split, other].append(f"{shown(path)} = {shown(copy)}")
    here, there = (findings.spec.partition(":")[0] for findings in (mine, yours))
    if not both:
        text = f"no picture of {here} is in {there} (same pixels)"
        return Finding("shared", 0, text, "photos cropped or saved anew with loss are not found so")
    crosses = {pair for pair in between if set(pair) == {"train", "test"}}
    pairs = sorted(between.items(), key=lambda pair: (pair[0] not in crosses, -len(pair[1])))
    told = ", ".join(f"{len(lines):,} of {a} in {b}" for (a, b), lines in pairs)
    examples = [line for _, lines in pairs for line in lines]
    remedy = "train and measure on one of the two alone"
    if not crosses:
        remedy = "no training photo of one is a test photo of the other; persons may still be"
    text = f"{len(both):,} pictures of {here} are in {there} too ({told})"
    return Finding("shared", len(both), text, remedy, tuple(examples[:NAMED]))


def _by_content(found: Findings) -> dict[bytes, dict[str, str]]:
    """The first path of each content in each split."""
    paths: dict[bytes, dict[str, str]] = defaultdict(dict)
    for entry in found.entries:
        content = found.pictures.get(entry.record.path)
        if content is not None:
            paths[content].setdefault(entry.record.split or "no split", entry.record.path)
    return paths
