"""What simulated channels are about, and how they and their videos are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Flavour:
    """A kind of channel.

    Attributes:
        share: of all channels.
        category: the platform's number of its videos' category.
        topics: as topicDetails gives them, without the encyclopedia's address.
        things: what its videos are about.
        titles: with `{}` for the thing; some in capitals, some with many marks.
        names: of channels, with `{}` for a thing or a person.
        blurbs: descriptions of channels.
    """

    share: float
    category: str
    topics: tuple[str, ...]
    things: tuple[str, ...]
    titles: tuple[str, ...]
    names: tuple[str, ...]
    blurbs: tuple[str, ...]


PEOPLE = (
    "Mina", "Otto", "Juno", "Theo", "Pia", "Remy", "Ivy", "Kofi", "Lena", "Milo", "Zara", "Hugo",
    "Nia", "Sven", "Uma", "Yuki", "Abel", "Cleo", "Dara", "Finn",
)  # fmt: skip

_PLAIN_GAMES = (
    "Minecraft", "Roblox", "Among Us", "a kart race", "Stardew Valley", "the tallest tower",
    "Fall Guys", "a blocky castle", "Rocket League", "the floor is lava", "Mario Party",
    "a pixel farm", "indoor mini golf", "Overcooked", "hide and seek",
)  # fmt: skip

FLAVOURS = MappingProxyType(
    {
        "family gaming": Flavour(
            0.24,
            "20",
            ("Video_game_culture", "Action-adventure_game"),
            _PLAIN_GAMES,
            (
                "Family plays {} - FUNNY moments!",
                "Dad vs kids in {}!!",
                "Our funniest {} moments",
                "We tried {} as a family",
                "Kid friendly {} challenge!",
                "My kids REACT to {}!?",
                "{} but Mum picks the rules",
                "Can a family of five win {}?",
            ),
            ("{} Family Gaming", "The {} Family Plays", "{} & Kids Play", "Funny Family {}"),
            (
                "A family that loves gaming. Funny moments and kid friendly challenges.",
                "Family gaming with funny moments, three times a week.",
                "Clean family fun: gaming challenges, reactions and funny moments.",
            ),
        ),
        "gaming": Flavour(
            0.28,
            "20",
            ("Video_game_culture", "Role-playing_video_game"),
            (*_PLAIN_GAMES, "speedruns", "secret levels", "boss fights", "a haunted maze"),
            (
                "I beat {} in one sitting",
                "{}: funny moments #{number}",
                "Reaction to {}",
                "{} is BROKEN!!",
                "{} - the whole story",
                "Why is nobody playing {}?",
                "100 days of {}",
                "Every secret of {} & how to find it",
            ),
            ("{} Plays", "{} Gaming", "Pixel {}", "Co-op with {}"),
            (
                "Let's plays, funny moments and reactions to games old and new.",
                "Gaming videos for everyone. New challenges every week.",
                "Multiplayer chaos with friends.",
            ),
        ),
        "horror": Flavour(
            0.09,
            "20",
            ("Video_game_culture", "Action_game"),
            (
                "Doors",
                "Granny",
                "Piggy",
                "Poppy Playtime",
                "Five Nights at Freddy's",
                "Rainbow Friends",
                "Garten of Banban",
                "The Mimic",
                "Bendy",
                "Phasmophobia",
            ),
            (
                "{} horror full playthrough",
                "{} is TERRIFYING!!",
                "Scariest moments of {}",
                "{} but it's funny?!",
                "I should not have played {} at 3 a.m.",
                "{}: adult horror (18+)",
            ),
            ("{} After Dark", "Scary {}", "Nightmares with {}"),
            (
                "Horror games, played with the lights off.",
                "Mature audiences only, 18+. Horror gaming every night.",
                "Funny moments from scary games.",
            ),
        ),
        "comedy": Flavour(
            0.08,
            "23",
            ("Entertainment", "Humour"),
            ("office pranks", "bad puns", "family sketches", "pet voices", "indoor camping"),
            (
                "{}: funny moments",
                "We rated {}",
                "{} gone wrong!?",
                "Reacting to your {}",
                "{} with the whole family",
            ),
            ("{} Is Joking", "Studio {}", "Laughs with {}"),
            ("Sketches and funny moments for the whole family.", "We react to nearly anything."),
        ),
        "making": Flavour(
            0.17,
            "26",
            ("Lifestyle_(sociology)", "Hobby"),
            (
                "sourdough",
                "night trains",
                "old maps",
                "magnets",
                "bouldering",
                "doors and windows",
                "tide pools",
                "paper planes",
                "tiny houses",
                "weather balloons",
            ),
            (
                "I tried {} for 30 days",
                "Nobody talks about {}",
                "A beginner's guide to {}",
                "{} <explained>",
                "The quiet art of {}",
                "We ranked all the {}",
            ),
            ("Daily {}", "{} Lab", "Hello {}", "{} and Friends"),
            ("Making things, outdoors and indoor.", "Curious about nearly everything."),
        ),
        "music": Flavour(
            0.08,
            "10",
            ("Music", "Pop_music"),
            ("street pianos", "loop stations", "one-take covers", "choirs", "lullabies for kids"),
            ("{} (official video)", "{} live", "One hour of {}", "{} | lyrics"),
            ("{} Music", "{} Records", "Songs by {}"),
            ("Official music channel. Family friendly songs.", "New songs every Friday."),
        ),
        "news": Flavour(
            0.06,
            "25",
            ("Politics", "Society"),
            ("the gaming market", "the storm", "new rules for kids online", "elections", "prices"),
            ("What we know about {}", "{}: today's report", "LIVE: {}", "{} in five minutes"),
            ("{} News", "Daily {} Report", "{} Tonight"),
            ("News and background, every hour.", "Family news: what parents should know."),
        ),
    }
)

# One phrase a fortnight and kind of channel: what several channels have a hit with at once.
TRENDS = (
    "cardboard castles", "the invisible floor", "one block at a time", "upside-down speedrun",
    "grandma's controller", "silent co-op", "the mirror map", "paper dragon",
    "reverse hide and seek", "the 10-second rule", "giant marble run", "glow in the dark",
)  # fmt: skip

# Titles of channels that write otherwise; {number} keeps them apart.
SCRIPTS = MappingProxyType(
    {
        "ja": (
            "家族でゲーム実況！面白い瞬間 #{number}",
            "【大爆笑】子どもと対決！！ {number}",
            "ゲーム日記 {number}",
        ),
        "ko": (
            "가족 게임 웃긴 순간 {number}",
            "아이들과 함께 게임하기!! {number}",
            "게임 일기 {number}",
        ),
        "hi": (
            "परिवार के साथ गेमिंग {number}",
            "सबसे मज़ेदार पल!! {number}",
            "बच्चों की चुनौती {number}",
        ),
        "ar": (
            "لحظات مضحكة مع العائلة {number}",
            "تحدي الأطفال!! {number}",
            "ألعاب عائلية {number}",
        ),
        "ru": (
            "Семейные игры: смешные моменты {number}",
            "ДЕТИ ПРОТИВ ПАПЫ!! {number}",
            "Играем {number}",
        ),
        "zh": (
            "家庭游戏搞笑时刻 {number}",
            "和孩子一起玩！！ {number}",
            "游戏日记 {number}",
        ),
        "th": (
            "เล่นเกมกับครอบครัว {number}",
            "ช่วงเวลาตลกๆ!! {number}",
            "เกมสนุก {number}",
        ),
        "el": (
            "Οικογενειακά παιχνίδια {number}",
            "ΑΣΤΕΙΕΣ ΣΤΙΓΜΕΣ!! {number}",
            "Παίζουμε μαζί {number}",
        ),
        "he": (
            "משחקים במשפחה {number}",
            "רגעים מצחיקים!! {number}",
            "אתגר הילדים {number}",
        ),
        "und": (
            "😂🎮🔥 #{number}",
            "🏠👨‍👩‍👧‍👦🕹️!! {number}",
            "𝕲𝖆𝖒𝖊 {number} Z̷a̷l̷g̷o̷",
        ),
    }
)

COUNTRIES = ("US", "GB", "DE", "BR", "IN", "JP", "MX", "FR", "KR", "EG")


def pick(texts: Sequence[str], drawn: float) -> str:
    """One of the texts, by a number from 0 to below 1."""
    return texts[int(drawn * len(texts))]
