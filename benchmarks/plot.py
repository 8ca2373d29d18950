"""Draws two plots as SVG, by hand: they follow the reader's light or dark, and need no library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from benchmarks import figures
from benchmarks.plan import LATE
from benchmarks.results import Results

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 44, 46
NAMES = {
    "direct": "FastAPI alone",
    "direct-2": "FastAPI, 2 proc.",
    "unbroken": "Unbroken",
    "unbroken-2": "Unbroken, 2 + 2",
    "chainlit": "Chainlit",
    "taskiq": "taskiq + pub/sub",
    "arq": "arq + pub/sub",
}
COLOURS = {
    "direct": "#8b8f98",
    "direct-2": "#8b8f98",
    "unbroken": "#2f7de1",
    "unbroken-2": "#2f7de1",
    "chainlit": "#d64d8a",
    "taskiq": "#d98a1f",
    "arq": "#3a9d5d",
    "web server": "#2f7de1",
    "worker": "#3a9d5d",
    "Valkey": "#d98a1f",
}
DASHED = ("direct-2", "unbroken-2")
PARTS = ("web server", "worker", "Valkey")
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#3b3f46}.t{font-size:15px;font-weight:600}.g{stroke:#8884;stroke-width:1}"
    ".l{fill:none;stroke-width:2.2}.m{stroke:#d33;stroke-width:1.2;stroke-dasharray:5 4}"
    "@media(prefers-color-scheme:dark){text{fill:#c9ccd2}}"
)


def delays(results: Results) -> str:
    """p99 of the added delay over the number of sessions, both logarithmic; empty if there is nothing to draw."""
    lines = {
        name: [
            (sessions, late * 1e3)
            for sessions in sorted({one.key.sessions for one in results.of("paced", name)})
            if (late := results.median("paced", name, figures.delay_p99, sessions)) is not None
        ]
        for name in NAMES
    }
    points = [point for line in lines.values() for point in line]
    if not points:
        return ""
    across = _Axis([point[0] for point in points], LEFT, WIDTH - RIGHT)
    up = _Axis([*(point[1] for point in points), LATE * 1e3], HEIGHT - BOTTOM, TOP)
    parts = [_text(LEFT, 24, "Added delay of a chunk, p99 in ms, over sessions at 50 tokens/s", "t")]
    parts += [_line(across(tick), TOP, across(tick), HEIGHT - BOTTOM, "g") for tick in across.ticks]
    parts += [_line(LEFT, up(tick), WIDTH - RIGHT, up(tick), "g") for tick in up.ticks]
    parts += [_text(across(tick), HEIGHT - BOTTOM + 18, f"{tick:g}", anchor="middle") for tick in across.ticks]
    parts += [_text(LEFT - 8, up(tick) + 4, f"{tick:g}", anchor="end") for tick in up.ticks]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "sessions", anchor="middle"))
    parts.append(_line(LEFT, up(LATE * 1e3), WIDTH - RIGHT, up(LATE * 1e3), "m"))
    ends = {name: (across(line[-1][0]), up(line[-1][1])) for name, line in lines.items() if line}
    heights = _apart({name: y for name, (_, y) in ends.items()}, 15)
    for name, (x, y) in ends.items():
        path = "M" + "L".join(f"{across(sessions):.1f} {up(late):.1f}" for sessions, late in lines[name])
        dash = ' stroke-dasharray="6 4"' if name in DASHED else ""
        parts.append(f'<path class="l" stroke="{COLOURS[name]}"{dash} d="{path}"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[name]}"/>')
        parts.append(_text(WIDTH - RIGHT + 14, heights[name] + 4, NAMES[name], colour=COLOURS[name]))
        parts.append(_line(x + 4, y, WIDTH - RIGHT + 11, heights[name], "g"))
    return _svg(parts, HEIGHT)


def cpu(results: Results, sessions: Sequence[int]) -> str:
    """CPU per chunk of paced replies, part by part, a bar for each contender; empty if there is nothing to draw."""
    bars = [
        (f"{NAMES[name]}, {number} sessions", _cpu_parts(results, name, number))
        for number in sessions
        for name in NAMES
    ]
    bars = [(label, found) for label, found in bars if found]
    if not bars:
        return ""
    left, row = 200, 26
    height = TOP + 30 + row * len(bars) + 14
    longest = max(sum(found.values()) for _, found in bars)
    scale = (WIDTH - left - 70) / longest
    parts = [_text(16, 24, "CPU per chunk in µs, all processes, at 50 tokens/s", "t")]
    for number, part in enumerate(PARTS):
        parts.append(f'<rect x="{left + number * 110}" y="{TOP - 6}" width="11" height="11" fill="{COLOURS[part]}"/>')
        parts.append(_text(left + number * 110 + 17, TOP + 4, part))
    for number, (label, found) in enumerate(bars):
        y, x = TOP + 22 + row * number, float(left)
        parts.append(_text(left - 8, y + 14, label, anchor="end"))
        for part in PARTS:
            width = found.get(part, 0) * scale
            parts.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="18" fill="{COLOURS[part]}"/>')
            x += width
        parts.append(_text(x + 6, y + 14, f"{sum(found.values()):.1f}"))
    return _svg(parts, height)


def _cpu_parts(results: Results, name: str, sessions: int) -> dict[str, float]:
    found = {part: results.median("paced", name, figures.part_per_chunk(part), sessions) for part in PARTS}
    return {part: value * 1e6 for part, value in found.items() if value}


class _Axis:
    """Logarithmic, from one place to another."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low, self._high = math.log10(min(values)), math.log10(max(values))
        if self._high - self._low < 0.1:
            self._high = self._low + 0.1
        self._start, self._end = start, end
        decades = range(math.floor(self._low), math.ceil(self._high) + 1)
        every = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
        self.ticks = [tick for tick in every if self._low - 1e-9 <= math.log10(tick) <= self._high + 1e-9]

    def __call__(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)


def _apart(heights: dict[str, float], gap: float) -> dict[str, float]:
    """Moves labels down until none lies on another."""
    moved: dict[str, float] = {}
    last = -math.inf
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        last = moved[name] = max(height, last + gap)
    over = last - (HEIGHT - BOTTOM)
    return {name: height - max(0.0, over) for name, height in moved.items()}


def _svg(parts: Sequence[str], height: int) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>", ""])


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start", colour: str = "") -> str:
    style = f' style="fill:{colour}"' if colour else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}"{style}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'
