"""Plots of a model card, as SVG text: the same figures give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

_OURS, _OTHERS, _WANTED = "#1f5fa8", "#b0b7c0", "#c0392b"
_SIZE = (6.4, 3.6)  # inches


def errors(ours: float, baselines: Mapping[str, float]) -> str:
    """Bars of mean absolute errors, ours and the baselines'."""

    def draw(axes: Axes) -> None:
        names = ["this model", *baselines]
        values = [ours, *baselines.values()]
        bars = axes.barh(names[::-1], values[::-1], color=[_OTHERS] * len(baselines) + [_OURS])
        axes.bar_label(bars, fmt="%.3f", padding=3)
        axes.set_xlabel("mean absolute error, log10 views")
        axes.margins(x=0.15)

    return _drawn(draw)


def coverage(groups: Sequence[Mapping[str, Any]], wanted: float = 0.9) -> str:
    """Coverage of the 90 % band by group, with the 90 % as a line."""

    def draw(axes: Axes) -> None:
        names = [f"{one['group']} ({one['rows']:,})" for one in groups]
        axes.barh(names[::-1], [one["coverage"] for one in groups][::-1], color=_OURS)
        axes.axvline(wanted, color=_WANTED, linewidth=1)
        axes.set_xlim(0.5, 1)
        axes.set_xlabel("share that the band held")

    return _drawn(draw, height=1.2 + 0.28 * len(groups))


def reliability(bins: Sequence[Mapping[str, Any]]) -> str:
    """What the score said against what came."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=_OTHERS, linewidth=1)
        said, came = [one["said"] for one in bins], [one["came"] for one in bins]
        axes.plot(said, came, color=_OURS, linewidth=1)
        most = max((one["rows"] for one in bins), default=1)
        axes.scatter(said, came, s=[20 + 180 * one["rows"] / most for one in bins], color=_OURS)
        axes.set_xlabel("score / 100")
        axes.set_ylabel("share in the top decile")
        axes.set_aspect("equal")

    return _drawn(draw, height=4.6)


def over_time(weeks: Sequence[Mapping[str, Any]], wanted: float = 0.9) -> str:
    """Coverage by week."""

    def draw(axes: Axes) -> None:
        axes.plot([one["group"] for one in weeks], [one["coverage"] for one in weeks], color=_OURS)
        axes.axhline(wanted, color=_WANTED, linewidth=1)
        axes.set_ylim(0.5, 1)
        axes.set_ylabel("share that the band held")
        axes.tick_params(axis="x", rotation=60)

    return _drawn(draw, height=4.2)


def bars(figures: Mapping[str, float], label: str) -> str:
    """Bars of named figures, the first one on top."""

    def draw(axes: Axes) -> None:
        axes.barh(list(figures)[::-1], list(figures.values())[::-1], color=_OURS)
        axes.set_xlabel(label)

    return _drawn(draw, height=1.2 + 0.28 * len(figures))


def _drawn(draw: Callable[[Axes], None], height: float = _SIZE[1]) -> str:
    # Fonts as shapes and ids without chance: the same on every machine.
    with mpl.rc_context(
        {
            "svg.hashsalt": "card",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    ):
        figure = Figure(figsize=(_SIZE[0], height), layout="constrained")
        draw(figure.add_subplot())
        out = io.StringIO()
        FigureCanvasSVG(figure).print_svg(  # type: ignore[no-untyped-call]
            out, metadata={"Date": None, "Creator": None}
        )
    text = out.getvalue()
    return text[text.index("<svg") :]
