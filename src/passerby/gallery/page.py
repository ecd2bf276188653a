"""Answers as one HTML page that needs nothing else: photos inside, light and dark."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path

from passerby.errors import shown
from passerby.gallery.answer import Answer, Hit, percent

_STYLE = """
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #fff; --ink: #16181d; --soft: #667085;
  --line: #e4e7ec; --tray: #eef0f3; --right: #16a34a; --bar: #4f6bed;
  --warn: #d97706; }
@media (prefers-color-scheme: dark) { :root { --ground: #101216; --card: #181b21; --ink: #eceef2;
  --soft: #98a1b0; --line: #2a2f38; --tray: #0c0e11; --right: #34d17a; --bar: #7f95ff;
  --warn: #f5a524; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1680px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 15px; font-weight: 600; color: var(--soft); margin: 0 0 28px; }
section { margin: 0 0 44px; }
h2 { font-size: 22px; line-height: 1.3; font-weight: 650; letter-spacing: -.01em;
  margin: 0 0 6px; max-width: 62ch; overflow-wrap: anywhere; }
h2 mark { background: none; color: inherit; border-bottom: 2px solid var(--bar); }
.note { color: var(--soft); margin: 2px 0; }
.note.none { color: var(--ink); font-weight: 600; border-left: 3px solid var(--warn);
  padding-left: 10px; margin: 6px 0; }
footer { color: var(--soft); max-width: 80ch; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(144px, 1fr)); gap: 14px;
  margin: 16px 0 0; padding: 0; list-style: none; }
.hit { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  overflow: hidden; min-width: 0; }
.hit.right { border-color: var(--right); box-shadow: 0 0 0 2px var(--right); }
.tray { display: block; position: relative; background: var(--tray); height: 216px; }
.tray img { width: 100%; height: 100%; object-fit: contain; display: block; }
.rank { position: absolute; top: 8px; left: 8px; min-width: 26px; padding: 2px 7px;
  border-radius: 999px; background: rgb(0 0 0 / .62); color: #fff; font-size: 13px;
  font-weight: 600; text-align: center; }
.right .rank { background: var(--right); color: #fff; }
.told { padding: 10px 10px 12px; font-size: 12.5px; }
.score { display: flex; align-items: center; gap: 8px; font-variant-numeric: tabular-nums;
  font-weight: 600; }
.bar { flex: 1; height: 4px; border-radius: 2px; background: var(--line); overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--bar); }
.right .bar i { background: var(--right); }
.told p { margin: 5px 0 0; color: var(--soft); overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
"""
_LEGEND = (
    "<footer>Percentages: how likely it is that all the sentence tells is true of the photo, as "
    "estimated by the model. They say nothing of who a person is.</footer>"
)


def write_page(
    path: Path,
    answers: Sequence[Answer],
    right: Sequence[Collection[str]] | None = None,
    title: str = "passerby",
) -> None:
    """Writes one HTML file. right: for each answer the persons or paths to frame in green."""
    named = right if right is not None else [()] * len(answers)
    sections = "".join(_section(a, good) for a, good in zip(answers, named, strict=True))
    legend = _LEGEND if any(answer.match is not None for answer in answers) else ""
    path.write_text(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{sections}{legend}</main></body></html>\n",
        encoding="utf-8",
    )


def _section(answer: Answer, right: Collection[str]) -> str:
    notes = "".join(
        f'<p class="note{" none" if note == answer.warning else ""}">{escape(shown(note))}</p>'
        for note in answer.notes
    )
    scores = [hit.score for hit in answer.hits]
    span = (min(scores, default=0.0), max(scores, default=0.0))
    cards = "".join(_card(hit, right, span) for hit in answer.hits)
    return f'<section><h2>{_query(answer)}</h2>{notes}<ol class="grid">{cards}</ol></section>'


def _query(answer: Answer) -> str:
    """The sentence, the phrases that were looked for one by one underlined."""
    parts, done = [], 0
    for start, end in answer.spans:
        before, phrase = answer.query[done:start], answer.query[start:end]
        parts.append(f"{escape(before)}<mark>{escape(phrase)}</mark>")
        done = end
    return "".join([*parts, escape(answer.query[done:])])


def _card(hit: Hit, right: Collection[str], span: tuple[float, float]) -> str:
    picture = base64.b64encode(hit.thumbnail).decode("ascii")
    when = None if hit.time is None else hit.time.strftime("%Y-%m-%d %H:%M UTC")
    score = None if hit.probability is None else f"{hit.score:.3f}"  # else it stands at the bar
    told = [("score", score), ("person", hit.person), ("camera", hit.camera), ("", when)]
    lines = "".join(f"<p>{name} {escape(shown(text))}</p>" for name, text in told if text)
    name, full = escape(shown(hit.path.name)), escape(shown(hit.path))
    return (
        f'<li class="hit{" right" if hit.among(right) else ""}">'
        f'<a class="tray" href="{escape(hit.path.as_uri())}">'
        f'<img alt="rank {hit.rank}" loading="lazy" src="data:image/jpeg;base64,{picture}">'
        f'<span class="rank">{hit.rank}</span></a><div class="told"><div class="score">'
        f"{escape(percent(hit.probability)) or format(hit.score, '.3f')}"
        f'<span class="bar"><i style="width:{_share(hit, span):.0f}%"></i></span></div>'
        f'{lines}<p title="{full}">{name}</p></div></li>'
    )


def _share(hit: Hit, span: tuple[float, float]) -> float:
    """How much of a photo's bar is filled, in percent: its probability, where there is one."""
    low, high = span
    if hit.probability is not None:
        return 100 * hit.probability
    # Scores of one answer lie close together: the bar runs from 8 % (last) to all (first).
    return 100 if high <= low else 8 + 92 * (hit.score - low) / (high - low)
