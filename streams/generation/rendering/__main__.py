"""Renders one order in a process of its own: `python -m streams.generation.rendering FOLDER`.

The order is one line of JSON on standard input; progress, then the result or an error, are lines
of JSON on standard output. When standard input closes, whoever asked is gone, and so is this.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

from streams.generation.rendering.renderer import RenderError, render
from streams.generation.rendering.scene import FRAMES_PER_SECOND, Shot

_FULL = 256 * 1024  # bytes; no video could be written with fewer left
_NICE = 5  # pictures can wait; agents and the API cannot


def main(folder: Path) -> None:
    """Render the order on standard input into `folder`."""
    os.nice(_NICE)
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    shot = Shot(
        prompt=order["prompt"],
        width=order["width"],
        height=order["height"],
        steps=order["steps"],
        seed=order["seed"],
        frames=max(1, round(order["seconds"] * FRAMES_PER_SECOND)),
    )
    told = 0

    def on_frame(done: int) -> None:
        nonlocal told
        percent = done * 95 // shot.frames  # the rest is the thumbnail and the store
        if percent > told:
            told = percent
            _say(percent=percent, step="rendering")

    try:
        files = render(shot, order["quality"], folder, on_frame)
    except (RenderError, OSError) as error:
        _say(error=_reason(error, folder))
        return
    _say(video=files.video.name, thumbnail=files.thumbnail.name, seconds=files.seconds)


def _reason(error: Exception, folder: Path) -> str:
    """What to tell of an error; of a full disk ffmpeg may have no room for its own words."""
    free = shutil.disk_usage(folder).free
    return f"the disk is full, {free} bytes are left: {error}" if free < _FULL else str(error)


def _say(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _end_with_parent(folder: Path) -> None:
    # Not through sys.stdin: its lock, held by this thread, would be fatal at the end.
    while os.read(0, 4096):
        pass
    shutil.rmtree(folder, ignore_errors=True)  # nobody else is left who knows of it
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
