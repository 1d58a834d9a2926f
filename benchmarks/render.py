"""How fast the built-in renderer makes a video, from the order to the file.

The whole of it is measured: a process of its own, pictures, sound, H.264, thumbnail. The peer is
what the same ffmpeg takes to draw and encode a test picture of the same size and length with the
same settings, which is the least that a video can cost here. They take turns.
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from benchmarks.machine import machine
from streams.generation.providers.local import LocalProvider
from streams.generation.providers.provider import Order
from streams.generation.rendering.scene import FRAMES_PER_SECOND

SIDE = 512  # pixels
SECONDS = 4.0
STEPS = 20
ROUNDS = 5
BAR = 1.0  # seconds of video in a second


class _Silent:
    async def progress(self, percent: float, step: str) -> None: ...

    async def submitted(self, provider_job_id: str) -> None: ...


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure; `ours` is seconds of video made in a second of the clock, the median of rounds."""
    made: dict[str, list[tuple[float, float]]] = {"ours": [], "ffmpeg testsrc2": []}
    for turn in range(rounds):
        made["ours"].append(_timed(partial(_ours, turn)))
        made["ffmpeg testsrc2"].append(_timed(_peer))
    wall = {name: statistics.median(pair[0] for pair in pairs) for name, pairs in made.items()}
    rate = {name: SECONDS / seconds for name, seconds in wall.items()}
    ours = rate.pop("ours")
    return {
        "name": "render",
        "ours": round(ours, 2),
        "unit": "s of video in a second",
        "bar": BAR,
        "video": {"side": SIDE, "seconds": SECONDS, "steps": STEPS, "quality": "medium"},
        "wall_s": {name: round(seconds, 3) for name, seconds in wall.items()},
        "cpu_s": {
            name: round(statistics.median(pair[1] for pair in pairs), 3)
            for name, pairs in made.items()
        },
        "slowest_wall_s": round(max(pair[0] for pair in made["ours"]), 3),
        "rounds": rounds,
        "peers": {name: round(seconds, 2) for name, seconds in rate.items()},
        "ratios": {name: round(ours / seconds, 2) for name, seconds in rate.items()},
        "machine": machine(),
    }


def _ours(turn: int, folder: Path) -> None:
    order = Order(
        key=f"bench:{turn}",
        prompt="a quiet sea under moving clouds",
        width=SIDE,
        height=SIDE,
        steps=STEPS,
        quality="medium",
        seed=turn,
        seconds=SECONDS,
    )
    asyncio.run(LocalProvider().generate(order, folder, _Silent()))


def _peer(folder: Path) -> None:
    picture = f"testsrc2=size={SIDE}x{SIDE}:rate={FRAMES_PER_SECOND}:duration={SECONDS}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"]
    command += ["-f", "lavfi", "-i", picture]
    command += ["-f", "lavfi", "-i", f"sine=sample_rate=44100:duration={SECONDS}"]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-threads:v", "1"]
    command += ["-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "96k", "-movflags", "+faststart"]
    subprocess.run([*command, str(folder / "peer.mp4")], check=True)


def _timed(make: Callable[[Path], None]) -> tuple[float, float]:
    """Seconds of the clock and of the processor, children included."""
    with tempfile.TemporaryDirectory(prefix="groundswell-bench-") as name:
        wall, cpu = time.perf_counter(), _cpu()
        make(Path(name))
        return time.perf_counter() - wall, _cpu() - cpu


def _cpu() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
