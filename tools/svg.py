# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG, in plain text that a commit shows the changes of: a canvas, and lines over a grid.
Used by test/chaos and bench."""
import html
import math

COLORS = ("#3b6ea5", "#d98c3f", "#7aa661", "#7b3fa0", "#b3261e", "#555555", "#c7a700", "#2a9d8f")
FAINT = "#dddddd"


class Canvas:
    """What is drawn, in the order in which it is said."""

    def __init__(self, wide, high):
        self.wide, self.high = wide, high
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" '
            f'font-family="sans-serif" font-size="11">',
            f'<rect width="{wide}" height="{high}" fill="#ffffff"/>']

    def text(self, x, y, text, more=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {more}>{html.escape(text)}</text>')

    def box(self, at, size, color, title=""):
        inside = f"<title>{html.escape(title)}</title>" if title else ""
        self.parts.append(f'<rect x="{at[0]:.1f}" y="{at[1]:.1f}" width="{size[0]:.1f}" '
                          f'height="{size[1]}" fill="{color}">{inside}</rect>')

    def area(self, points, color):
        self.parts.append(f'<path d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in points)}Z" '
                          f'fill="{color}"/>')

    def line(self, points, color, more=""):
        self.parts.append(f'<path d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in points)}" '
                          f'fill="none" stroke="{color}" {more}/>')

    def dot(self, x, y, color, title=""):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}">'
                          f'<title>{html.escape(title)}</title></circle>')

    def end(self):
        return "\n".join([*self.parts, "</svg>", ""])


def short(value):
    """A number for an axis: 5M, 20k, 0.3."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def decades(least, most):
    """1, 10, 100 … from the last below least to the first above most."""
    first, last = math.floor(math.log10(least)), math.ceil(math.log10(most))
    return [10.0 ** power for power in range(first, max(last, first + 1) + 1)]


WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 64, 210, 44, 48


def lines(title, axes, series):
    """A plot with both axes logarithmic. axes: what x and y are; series: name -> (x, y) points."""
    canvas = Canvas(WIDE, HIGH)
    points = [point for of_one in series.values() for point in of_one if point[1] > 0]
    grid = [decades(min(p[i] for p in points), max(p[i] for p in points)) for i in (0, 1)]

    def place(point):
        at = [math.log10(value / ticks[0]) / math.log10(ticks[-1] / ticks[0])
              for value, ticks in zip(point, grid)]
        return (LEFT + at[0] * (WIDE - LEFT - RIGHT), HIGH - BOTTOM - at[1] * (HIGH - TOP - BOTTOM))

    canvas.text(LEFT, 20, title, 'font-size="14"')
    for x in grid[0]:
        at = place((x, grid[1][0]))
        canvas.line([at, place((x, grid[1][-1]))], FAINT)
        canvas.text(at[0], at[1] + 16, short(x), 'text-anchor="middle"')
    for y in grid[1]:
        at = place((grid[0][0], y))
        canvas.line([at, place((grid[0][-1], y))], FAINT)
        canvas.text(at[0] - 6, at[1] + 4, short(y), 'text-anchor="end"')
    canvas.text((LEFT + WIDE - RIGHT) / 2, HIGH - 12, axes[0], 'text-anchor="middle"')
    canvas.text(LEFT - 50, TOP - 8, axes[1])
    for number, (name, of_one) in enumerate(series.items()):
        color = COLORS[number % len(COLORS)]
        more = 'stroke-width="2"' + (' stroke-dasharray="5 3"' if number >= len(COLORS) else "")
        there = [point for point in of_one if point[1] > 0]
        if there:
            canvas.line([place(point) for point in there], color, more)
        for point in there:
            canvas.dot(*place(point), color, f"{name}: {short(point[0])}, {point[1]:.4g}")
        canvas.box((WIDE - RIGHT + 14, TOP + 18 * number), (10, 10), color)
        canvas.text(WIDE - RIGHT + 30, TOP + 9 + 18 * number, name)
    return canvas.end()
