"""Names into codes. A code never changes its meaning: new names are added at the end."""

from __future__ import annotations

import polars as pl

# Ids of the platform's categories, and the names by which people give them.
CATEGORIES: dict[str, int] = {
    "film & animation": 1,
    "autos & vehicles": 2,
    "music": 10,
    "pets & animals": 15,
    "sports": 17,
    "short movies": 18,
    "travel & events": 19,
    "gaming": 20,
    "videoblogging": 21,
    "people & blogs": 22,
    "comedy": 23,
    "entertainment": 24,
    "news & politics": 25,
    "howto & style": 26,
    "education": 27,
    "science & technology": 28,
    "nonprofits & activism": 29,
    "movies": 30,
    "shows": 43,
    "trailers": 44,
}
_CATEGORY_IDS: dict[str, int] = {str(code): code for code in CATEGORIES.values()}

# BCP 47 tags, lower case. What is not here is looked up by its first part.
LANGUAGES: tuple[str, ...] = (
    "en", "en-gb", "en-us", "en-in", "es", "es-419", "es-es", "es-mx", "es-us", "ar", "ja", "id",
    "fr", "fr-fr", "fr-ca", "th", "ko", "pt", "pt-pt", "pt-br", "de", "tr", "it", "pl", "vi", "hi",
    "ru", "zh", "zh-tw", "zh-hk", "zh-cn", "zh-hant", "zh-hans", "nl", "sv", "ta", "te", "ml", "kn",
    "bn", "mr", "pa", "gu", "ur", "fil", "ms", "ro", "uk", "el", "cs", "hu", "da", "no", "fi", "he",
    "iw", "fa", "sr", "hr", "bg", "sk", "sl", "lt", "lv", "et", "ca", "eu", "gl", "af", "sw", "zxx",
    "bho", "kk", "az", "uz", "ka", "hy", "mn", "my", "km", "lo", "ne", "si", "yue", "de-at",
    "de-de", "nl-nl", "und", "mul", "la", "is", "sq", "mk", "bs", "be", "en-ca", "en-au", "ar-eg",
    "ar-sa", "in", "tl",
)  # fmt: skip

# The script that a title is written in: the first one found, most telling first.
SCRIPTS: tuple[tuple[str, str], ...] = (
    ("kana", r"[\p{Hiragana}\p{Katakana}]"),
    ("hangul", r"\p{Hangul}"),
    ("thai", r"\p{Thai}"),
    ("arabic", r"\p{Arabic}"),
    ("hebrew", r"\p{Hebrew}"),
    ("greek", r"\p{Greek}"),
    ("cyrillic", r"\p{Cyrillic}"),
    ("devanagari", r"\p{Devanagari}"),
    ("tamil", r"\p{Tamil}"),
    ("telugu", r"\p{Telugu}"),
    ("bengali", r"\p{Bengali}"),
    ("malayalam", r"\p{Malayalam}"),
    ("gurmukhi", r"\p{Gurmukhi}"),
    ("han", r"\p{Han}"),
    ("latin", r"\p{Latin}"),
)


def category_code(category: pl.Expr) -> pl.Expr:
    """Code of a category given by id or name, Float64; null where it is not known."""
    return (
        category.str.strip_chars()
        .str.to_lowercase()
        .replace_strict(CATEGORIES | _CATEGORY_IDS, default=None, return_dtype=pl.Float64)
    )


def language_code(language: pl.Expr) -> pl.Expr:
    """Code of a language tag, Float64; null where it is not known."""
    codes = {tag: code for code, tag in enumerate(LANGUAGES)}
    tag = language.str.to_lowercase().str.replace_all("_", "-", literal=True)
    return pl.coalesce(
        part.replace_strict(codes, default=None, return_dtype=pl.Float64)
        for part in (tag, tag.str.split("-").list.first())
    )


def script_code(text: pl.Expr) -> pl.Expr:
    """Code of the script of a text, Float64; null where it has no letter of a known one."""
    code: pl.Expr = pl.lit(None, pl.Float64)
    for number, (_, pattern) in reversed(list(enumerate(SCRIPTS))):
        code = pl.when(text.str.contains(pattern)).then(pl.lit(float(number))).otherwise(code)
    return code
