"""The card of a model: what it was trained on and what it is worth, as Markdown and as HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams.virality.training import plots
from streams.virality.training.train import Trained

MARKDOWN, HTML = "card.md", "card.html"

_MOVED = 0.25  # PSI from which a feature has moved much
_SHOWN = 12  # features

_STAGES = {"before": "Before publication", "after": "After publication"}

_NOTES = (
    "Errors are of log10 views: 0.1 is 26 % too many or 21 % too few. What is tested on came later "
    "than everything that was learned from or calibrated on.",
    "The score is the probability that a video ends in the top decile of its channel's history; "
    "its calibration is measured at the ages at which counts are known.",
    "Reasons are exact shares of the forecast (TreeSHAP), and recommendations counterfactuals "
    "through the model. Neither says what causes views.",
)


@dataclass(frozen=True)
class Card:
    """What the card says.

    Attributes:
        title: of the page.
        facts: lines at its head.
        notes: what a reader has to know, beside what every card says.
        metrics: from `measures.measured`.
        drift: from `drift.drift`.
        importance: share of gain by feature, of each stage.
    """

    title: str
    facts: Mapping[str, str]
    notes: Sequence[str]
    metrics: Mapping[str, Any]
    drift: Mapping[str, Sequence[Mapping[str, Any]]]
    importance: Mapping[str, Mapping[str, float]]


def card_of(
    trained: Trained,
    metrics: Mapping[str, Any],
    drift: Mapping[str, Sequence[Mapping[str, Any]]],
    notes: Sequence[str] = (),
) -> Card:
    """The card of a model that was just trained."""
    description, split = trained.bundle.description, trained.split
    kept = {
        name: _fact(value)
        for name, value in description.facts.items()
        if name not in ("source", "calibrate_from", "test_from")
    }
    facts = {
        "trained on": trained.data.source,
        "videos, counts": f"{trained.data.videos.height:,}, {trained.data.observations.height:,}",
        "learned from answers until": f"{split.calibrate_from:%Y-%m-%d %H:%M} UTC",
        "calibrated on answers until": f"{split.test_from:%Y-%m-%d %H:%M} UTC",
        "tested on moments": "after that",
        **kept,
    }
    importance = {
        stage: dict(list(model.point.importance().items())[:_SHOWN])
        for stage, model in trained.bundle.stages.items()
    }
    return Card(f"Model {description.name}", facts, notes, metrics, drift, importance)


def write(card: Card, folder: Path) -> None:
    """Write both forms into a folder."""
    (folder / MARKDOWN).write_text(as_markdown(card))
    (folder / HTML).write_text(as_html(card))


def as_markdown(card: Card) -> str:
    """The card without plots."""
    lines = [f"# {card.title}", ""]
    lines += [f"- {name}: {value}" for name, value in card.facts.items()]
    lines += ["", *(f"- {note}" for note in (*card.notes, *_NOTES))]
    for stage, found in card.metrics.items():
        lines += ["", f"## {_STAGES[stage]}", "", _examples(found), ""]
        for head, rows in _tables(found):
            lines += [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
            lines += [f"| {' | '.join(row)} |" for row in rows]
            lines.append("")
        lines.append(_moved(card.drift[stage]))
    return "\n".join(lines).rstrip() + "\n"


def as_html(card: Card) -> str:
    """The card with plots, in one file that needs no other."""
    parts = [f"<h1>{html.escape(card.title)}</h1>", "<dl>"]
    for name, value in card.facts.items():
        parts.append(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>")
    parts += ["</dl>", "<ul>", *(f"<li>{html.escape(n)}</li>" for n in (*card.notes, *_NOTES))]
    parts.append("</ul>")
    for stage, found in card.metrics.items():
        parts += [f"<h2>{_STAGES[stage]}</h2>", f"<p>{html.escape(_examples(found))}</p>"]
        parts += [_table(head, rows) for head, rows in _tables(found)]
        parts += [
            f"<figure>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>"
            for caption, svg in _plots(card, stage, found)
        ]
        parts.append(f"<p>{html.escape(_moved(card.drift[stage]))}</p>")
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(card.title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _examples(found: Mapping[str, Any]) -> str:
    counts = found["examples"]
    return (
        f"{counts['train']:,} examples to learn from, {counts['calibrate']:,} to calibrate on, "
        f"{counts['test']:,} to test on."
    )


def _tables(found: Mapping[str, Any]) -> Iterable[tuple[list[str], list[list[str]]]]:
    """Tables of a stage: forecasts, the score, the band by group."""
    forecasts = {"this model": found["ours"], **found["baselines"]}
    yield (
        ["forecast", "mean absolute error", "R2", "within 30 %"],
        [
            [name, f"{one['mae']:.4f}", f"{one['r2']:.3f}", f"{one['within_30_percent']:.1%}"]
            for name, one in forecasts.items()
        ],
    )
    score = found["score"]
    yield (
        ["score", "value"],
        [
            ["expected calibration error", f"{score['ece']:.3f}"],
            ["Brier score", f"{score['brier']:.4f}"],
            ["Brier score of the base rate", f"{score['brier_of_base_rate']:.4f}"],
            ["base rate", f"{score['base_rate']:.1%}"],
        ],
    )
    rows = [["all", str(found["examples"]["test"]), f"{found['coverage']:.1%}",
             f"{found['width']:.2f}", f"{found['ours']['mae']:.4f}"]]  # fmt: skip
    for name in ("category", "size", "asked"):
        rows += [
            [f"{name}: {one['group']}", str(one["rows"]), f"{one['coverage']:.1%}",
             f"{one['width']:.2f}", f"{one['mae']:.4f}"]
            for one in found["by"][name]
        ]  # fmt: skip
    yield ["90 % band", "rows", "coverage", "median upper / lower", "mean absolute error"], rows


def _plots(card: Card, stage: str, found: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    rules = {name: one["mae"] for name, one in found["baselines"].items()}
    yield "Errors beside simple rules", plots.errors(found["ours"]["mae"], rules)
    yield "Reliability of the score", plots.reliability(found["score"]["bins"])
    for name, caption in (
        ("category", "Coverage by category"),
        ("size", "Coverage by size of the channel"),
        ("asked", "Coverage by age asked for"),
    ):
        if found["by"][name]:
            yield caption, plots.coverage(found["by"][name])
    if found["by"]["week"]:
        yield "Coverage by week", plots.over_time(found["by"]["week"])
    yield (
        "What the forecast is made of",
        plots.bars(card.importance[stage], "share of the trees' gain"),
    )
    psi = {one["feature"]: one["psi"] for one in card.drift[stage][:_SHOWN]}
    yield "Features that moved most", plots.bars(psi, "population stability index")


def _moved(drift: Sequence[Mapping[str, Any]]) -> str:
    moved = [f"{one['feature']} {one['psi']:.2f}" for one in drift if one["psi"] >= _MOVED]
    much = moved[:_SHOWN] + [f"and {len(moved) - _SHOWN} more"] * (len(moved) > _SHOWN)
    if not much:
        most = drift[0]
        return (
            f"No feature moved much between the windows (population stability index, most: "
            f"{most['feature']} {most['psi']:.2f})."
        )
    return (
        f"Features that moved between the windows (population stability index): {', '.join(much)}."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_fact(one)}" for key, one in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(_fact(one) for one in value) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:54rem;margin:2rem auto;padding:0 1rem}"
    "dt{font-weight:600}dd{margin:0 0 .4rem}table{border-collapse:collapse;margin:1rem 0}"
    "th,td{padding:.2rem .8rem .2rem 0;text-align:left;border-bottom:1px solid #ddd}"
    "figure{margin:1rem 0}figcaption{color:#555}svg{max-width:100%;height:auto}"
)
