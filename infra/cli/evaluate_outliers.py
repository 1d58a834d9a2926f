"""The figures of `groundswell evaluate outliers`, for people."""

from __future__ import annotations

from typing import Any

from infra.cli.common import say, table


def show(facts: dict[str, Any]) -> None:
    """As tables."""
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in facts["left out"].items())
    say(
        f"{facts['uploads judged']:,} uploads of {facts['channels judged']:,} channels have 40 "
        f"earlier ones; {facts['rows']:,} rows, left out: {left_out or 'none'}"
    )
    say(f"Views count as of {facts['views taken to be of']}; age: {facts['age']}.")
    say(f"Priors: {facts['priors']}.")
    say()
    say("Verdict of few earlier uploads against that of 40, both by the same definition.")
    say("Where as many are flagged, recall and precision are one figure, agreement:")
    table([_row(row) for row in facts["short against long"]], right=())
    say()
    say("Flagged, by the last 40 (unless said otherwise):")
    rates = [one for one in facts["flag rates"] if one["history"] == 40 or one["priors"] is None]
    table(
        [
            {
                "definition": _name(one),
                "earlier": one["history"],
                "flagged": _percent(one["flagged"]),
                "formula": one["formula"],
            }
            for one in rates
        ],
        right=("earlier", "flagged"),
    )


def _row(row: dict[str, Any]) -> dict[str, str]:
    own, same = row["own threshold"], row["same flag rate"]
    median = row["flag rate of views / median"]
    return {
        "definition": _name(row),
        "earlier": str(row["history"]),
        "flagged by 40": _percent(row["flagged by 40"]),
        "recall": _figure(own["recall"]),
        "precision": _figure(own["precision"]),
        "as many flagged": _with_error(same),
        f"{_percent(median['flagged'])} flagged": _with_error(median),
        "against views / median of 40": _with_error(row["against views / median of 40"]),
    }


def _name(row: dict[str, Any]) -> str:
    which = {None: "", "priors that ship": " (shipped)"}.get(row["priors"], " (learned)")
    return f"{row['definition']}{which}"


def _with_error(found: dict[str, Any]) -> str:
    if found["recall"] is None:
        return "-"
    return f"{found['recall']:.3f} +- {found['standard error']:.3f}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"
