"""Features of the video itself: what its maker decides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from streams.virality.features.feature import CODE, Available, Feature
from streams.virality.features.vocabulary import category_code, language_code, script_code

Floats = npt.NDArray[np.float64]

_UPLOADS = "video.uploads.v1"
_SNAPSHOTS = "youtube.video-snapshots.v1"
_FEW_ROWS = 2_000
_LONGEST_SHORT_S = 180  # as in outliers.formats

# Words that announce what kind of video it is; 1 where the title has one.
WORDS: dict[str, str] = {
    "official": r"(?i)\b(?:official|oficial|officiel|ufficiale|offiziell\w*|resmi)\b",
    "trailer": r"(?i)\b(?:trailer|teaser|tráiler|fragman|预告|予告)\b|預告|予告",
    "music": r"(?i)\b(?:m/?v|music video|lyrics?|audio|ft\.?|feat\.?|remix|visualizer|clip)\b",
    "live": r"(?i)\b(?:live|vivo|stream|canlı|langsung|directo|direct)\b|🔴|生放送|配信|ライブ",
    "series": r"(?i)\b(?:eps?|episod[eio]+|cap|capítulo|parte?|bölüm|odc|folge)\b|#\s?\d+|第",
    "shorts": r"(?i)#shorts?\b",
    "versus": r"(?i)\bvs\b",
    "highlights": r"(?i)\b(?:highlights?|resumen|goals?|resumo|özet|recap)\b",
}


def _declared(
    name: str,
    unit: str,
    about: str,
    source: str = _UPLOADS,
    available_at: Available = "request",
) -> Feature:
    return Feature(name, unit, source, available_at, about)


FEATURES: tuple[Feature, ...] = (
    _declared("category", CODE, "category of the video", _SNAPSHOTS),
    _declared("language", CODE, "language of the video"),
    _declared("script", CODE, "script of the title", _SNAPSHOTS),
    _declared("duration", "log10 s", "length", _SNAPSHOTS),
    _declared("is_short", "0 or 1", "at most 180 s long", _SNAPSHOTS),
    _declared("hour", "h", "hour of publication (UTC)", _SNAPSHOTS),
    _declared("weekday", "1 Monday to 7", "day of publication (UTC)", _SNAPSHOTS),
    _declared("title_length", "characters", "length of the title", _SNAPSHOTS),
    _declared("title_words", "words", "words of the title", _SNAPSHOTS),
    _declared("title_capitals", "share", "capitals among the title's letters", _SNAPSHOTS),
    _declared("title_digits", "characters", "digits in the title", _SNAPSHOTS),
    _declared("title_marks", "characters", "exclamation and question marks", _SNAPSHOTS),
    _declared("title_emoji", "characters", "emoji in the title", _SNAPSHOTS),
    _declared("title_hashtags", "hashtags", "hashtags in the title", _SNAPSHOTS),
    _declared("title_brackets", "characters", "brackets and bars in the title", _SNAPSHOTS),
    *(
        _declared(f"title_{kind}", "0 or 1", f"the title has a word of {kind}", _SNAPSHOTS)
        for kind in WORDS
    ),
    _declared("tags", "tags", "number of tags"),
    _declared("description_length", "log10 characters", "length of the description"),
    _declared("links", "log10 links", "links in the description"),
)


def request_features(moments: pl.DataFrame) -> dict[str, Floats]:
    """Features of this module by name, NaN where unknown.

    Args:
        moments: `MOMENT`.
    """
    return _selected(moments, _EXPRESSIONS)


def features_of_inputs(inputs: pl.DataFrame) -> dict[str, Floats]:
    """Those of this module's features that depend on some columns of `MOMENT` alone.

    Args:
        inputs: `published_at`, `duration_s` and `tag_count`.
    """
    return _selected(inputs, _OF_INPUTS)


def _selected(moments: pl.DataFrame, expressions: Sequence[pl.Expr]) -> dict[str, Floats]:
    # One after the other where there are few: waking the pool's threads takes longer than the work.
    select = moments.select_seq if moments.height < _FEW_ROWS else moments.select
    return {column.name: column.to_numpy() for column in select(expressions)}


def _expressions() -> list[pl.Expr]:
    """One expression per feature of this module, over the columns of `MOMENT`."""
    title = pl.col("title")
    capitals = title.str.count_matches(r"\p{Lu}")
    letters = title.str.count_matches(r"\p{L}")
    made = {
        "category": category_code(pl.col("category")),
        "language": language_code(pl.col("language")),
        "script": script_code(title),
        "duration": _log(pl.col("duration_s")),
        "is_short": pl.col("duration_s") <= _LONGEST_SHORT_S,
        "hour": pl.col("published_at").dt.hour() + pl.col("published_at").dt.minute() / 60,
        "weekday": pl.col("published_at").dt.weekday(),
        "title_length": title.str.len_chars(),
        "title_words": title.str.count_matches(r"\S+"),
        "title_capitals": pl.when(letters > 0).then(capitals / letters),
        "title_digits": title.str.count_matches(r"\p{Nd}"),
        "title_marks": title.str.count_matches(r"[!?！？¡¿]"),
        "title_emoji": title.str.count_matches(r"\p{Extended_Pictographic}"),
        "title_hashtags": title.str.count_matches(r"#\S"),
        "title_brackets": title.str.count_matches(r"[\[\](){}|｜【】「」『』]"),
        **{f"title_{kind}": title.str.contains(words) for kind, words in WORDS.items()},
        "tags": pl.col("tag_count"),
        "description_length": _log(pl.col("description_length")),
        "links": _log(pl.col("links")),
    }
    return [made[feature.name].cast(pl.Float64).alias(feature.name) for feature in FEATURES]


def _log(count: pl.Expr) -> pl.Expr:
    return (count.clip(lower_bound=0) + 1).log10()


# Put together once, for that takes as long as a small table.
_EXPRESSIONS: tuple[pl.Expr, ...] = tuple(_expressions())
_OF_INPUTS = tuple(
    expression
    for expression in _EXPRESSIONS
    if set(expression.meta.root_names()) <= {"published_at", "duration_s", "tag_count"}
)
