"""Line and scatter plots as SVG text, with nothing but the standard library."""

import math
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 210, 40, 56
COLOURS = ("#1b6ca8", "#c8553d", "#2e8b57", "#8e5ea2", "#b8860b", "#444444", "#d46a9f", "#4b9da9", "#7a7a2e")


@dataclass
class Series:
    name: str
    points: list                 # (x, y) or (x, y, low, high)
    line: bool = True


@dataclass
class Axis:
    label: str
    ticks: list
    log: bool = False
    reverse: bool = False
    text: object = field(default=lambda v: f"{v:g}")

    def place(self, value, begin, end):
        low, high = self.ticks[0], self.ticks[-1]
        turn = math.log if self.log else float
        part = (turn(min(max(value, low), high)) - turn(low)) / (turn(high) - turn(low))
        return begin + (end - begin) * (1 - part if self.reverse else part)


def text(x, y, words, size=12, anchor="middle", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="#222"{more}>{escape(words)}</text>'


def line(x1, y1, x2, y2, colour="#ddd", width=1.0):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def marker(kind, x, y, colour):
    """Shapes differ as well as colours."""
    if kind == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>'
    if kind == 1:
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{colour}"/>'
    corners = ((0, -5.5), (5, 4), (-5, 4)) if kind == 2 else ((0, -6), (5, 0), (0, 6), (-5, 0))
    return '<polygon points="' + " ".join(f"{x + a:.1f},{y + b:.1f}" for a, b in corners) + f'" fill="{colour}"/>'


def frame(title, x, y):
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', text((LEFT + right) / 2, 24, title, 15)]
    for tick in x.ticks:
        at = x.place(tick, LEFT, right)
        parts += [line(at, TOP, at, bottom), text(at, bottom + 18, x.text(tick))]
    for tick in y.ticks:
        at = y.place(tick, bottom, TOP)
        parts += [line(LEFT, at, right, at), text(LEFT - 8, at + 4, y.text(tick), anchor="end")]
    parts += [line(LEFT, bottom, right, bottom, "#222"), line(LEFT, TOP, LEFT, bottom, "#222"),
              text((LEFT + right) / 2, HEIGHT - 14, x.label),
              text(18, (TOP + bottom) / 2, y.label, more=f' transform="rotate(-90 18 {(TOP + bottom) / 2:.1f})"')]
    return parts


def draw(index, series, x, y):
    colour, kind = COLOURS[index % len(COLOURS)], index % 4
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    placed = [(x.place(p[0], LEFT, right), y.place(p[1], bottom, TOP), p) for p in sorted(series.points)]
    parts = []
    if series.line and len(placed) > 1:
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b, _ in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
    for a, b, p in placed:
        if len(p) == 4 and p[3] > p[2]:
            parts.append(line(a, y.place(p[2], bottom, TOP), a, y.place(p[3], bottom, TOP), colour, 1.5))
        parts.append(marker(kind, a, b, colour))
    row = TOP + 8 + 20 * index
    return parts + [marker(kind, right + 18, row, colour), text(right + 30, row + 4, series.name, anchor="start")]


def plot(title, x, y, series):
    """The picture as SVG text."""
    parts = frame(title, x, y)
    for index, one in enumerate(series):
        parts += draw(index, one, x, y)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title>", *parts, "</svg>"]) + "\n"
