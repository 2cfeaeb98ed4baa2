# SPDX-License-Identifier: Apache-2.0
"""What a run was like: a timeline, a plot of ids per second and events, and the verdicts."""
import collections
import dataclasses

import svg

KINDS = {"libpawl": "#3b6ea5", "direct": "#7fb0d8", "resp": "#d98c3f", "postgres": "#7aa661"}
NAMES = {"libpawl": "libpawl on pawld", "direct": "libpawl on the store", "resp": "RESP",
         "postgres": "PostgreSQL"}
LANES = ["p0", "p1", "p2", "store", "network", "clients"]
COLORS = {"kill -9": "#b3261e", "freeze": "#4a6fa5", "restart": "#6b8f71", "partition": "#c77700",
          "one way": "#e0a030", "loss, delay": "#e8cf7a", "failover": "#7b3fa0",
          "rewind": "#111111", "full disk": "#8a5a2b", "a member dies": "#b3261e"}
LINE_BYTES = 42  # of a history with times, about
WIDE, LEFT, PLOT_HIGH, LANE_HIGH, TOP = 1200, 84, 260, 22, 54


@dataclasses.dataclass
class Told:
    """Something that happened, in seconds since the run began."""

    begun_s: float
    ended_s: float
    name: str
    lane: str  # "": it is about the run


def count_ids(folder):
    """kind of client -> ids in its histories by now, as their sizes tell."""
    counts = collections.Counter()
    for path in folder.iterdir():
        if path.suffix in (".i64", ".ids"):
            size = path.stat().st_size
            counts[path.name.split(".")[1]] += size // (8 if path.suffix == ".i64" else LINE_BYTES)
    return counts


def rates(turn):
    """Moments and ids per second of each kind since the one before."""
    rows = []
    for (t0, before), (t1, after) in zip(turn.samples, turn.samples[1:]):
        rows.append((t1, {kind: (after[kind] - before[kind]) / (t1 - t0) for kind in KINDS}))
    return rows


def total(turn):
    return sum(turn.samples[-1][1].values()) if turn.samples else 0


class Plot:
    def __init__(self, seed, turns):
        self.turns = turns
        self.end_s = max(turn.now() if not hasattr(turn, "ended_s") else turn.ended_s
                         for turn in turns)
        self.most = max((sum(row.values()) for turn in turns for _, row in rates(turn)),
                        default=1) * 1.05 or 1
        self.canvas = svg.Canvas(WIDE, TOP + PLOT_HIGH + 30 + LANE_HIGH * len(LANES) + 34)
        self.canvas.text(LEFT, 18, f"Ids per second, and what went wrong; seed {seed}",
                         'font-size="14"')

    def x(self, at_s):
        return LEFT + at_s / self.end_s * (WIDE - LEFT - 16)

    def y(self, rate):
        return TOP + PLOT_HIGH * (1 - rate / self.most)

    def axes(self):
        for i in range(5):
            rate = self.most * i / 4
            self.canvas.line([(LEFT, self.y(rate)), (WIDE - 16, self.y(rate))], svg.FAINT)
            self.canvas.text(LEFT - 6, self.y(rate) + 4, f"{rate:,.0f}", 'text-anchor="end"')
        step = next(step for step in (5, 10, 30, 60, 120, 600) if self.end_s / step <= 16)
        for at in range(0, int(self.end_s) + 1, step):
            self.canvas.text(self.x(at), TOP + PLOT_HIGH + 16, f"{at} s", 'text-anchor="middle"')

    def areas(self, turn):
        """Stacked: the kinds one over the other."""
        rows = rates(turn)
        below = [0.0] * len(rows)
        for kind, color in KINDS.items():
            above = [low + row[kind] for low, (_, row) in zip(below, rows)]
            if any(row[kind] for _, row in rows):
                there, back = ([(self.x(t), self.y(rate)) for (t, _), rate in zip(rows, edge)]
                               for edge in (above, below))
                self.canvas.area(there + back[::-1], color)
            below = above

    def lanes(self):
        top = TOP + PLOT_HIGH + 30
        for i, lane in enumerate(LANES):
            self.canvas.text(LEFT - 6, top + i * LANE_HIGH + 14, lane, 'text-anchor="end"')
            self.canvas.box((LEFT, top + i * LANE_HIGH + 2), (WIDE - LEFT - 16, LANE_HIGH - 4),
                            "#f4f4f4")
        for turn in self.turns:
            for told in turn.told:
                if told.lane not in LANES:
                    continue
                y = top + LANES.index(told.lane) * LANE_HIGH + 4
                color = next((color for name, color in COLORS.items()
                              if told.name.startswith(name)), "#888888")
                wide = max(self.x(told.ended_s) - self.x(told.begun_s), 2.0)
                self.canvas.box((self.x(told.begun_s), y), (wide, LANE_HIGH - 8), color,
                                f"{told.begun_s:.1f} s to {told.ended_s:.1f} s: {told.name}")

    def legend(self):
        x = LEFT
        for kind, color in KINDS.items():
            self.canvas.box((x, 26), (10, 10), color)
            self.canvas.text(x + 14, 35, NAMES[kind])
            x += 24 + 7 * len(NAMES[kind])
        x = LEFT
        for name, color in COLORS.items():
            if name == "a member dies":
                continue
            self.canvas.box((x, self.canvas.high - 22), (10, 10), color)
            self.canvas.text(x + 14, self.canvas.high - 13, name)
            x += 30 + 7 * len(name)

    def draw(self):
        self.axes()
        for turn in self.turns:
            self.areas(turn)
            at = self.x(turn.begun_s)
            self.canvas.line([(at, TOP - 8), (at, self.canvas.high - 34)], "#555555",
                             'stroke-dasharray="3 3"')
            self.canvas.text(self.x(turn.begun_s) + 4, TOP - 2, turn.kind, 'font-weight="bold"')
        self.lanes()
        self.legend()
        return self.canvas.end()


def timeline(seed, turns):
    lines = [f"Seed {seed}. Seconds since the run began; each line is one thing that happened.", ""]
    for turn in turns:
        lines += [f"## {turn.kind}", "", "| from | to | what |", "| ---: | ---: | --- |"]
        for told in sorted(turn.told, key=lambda told: told.begun_s):
            until = f"{told.ended_s:.1f}" if told.ended_s > told.begun_s else ""
            lines.append(f"| {told.begun_s:.1f} | {until} | {told.name} |")
        lines += ["", "```"]
        for name, (_, text) in turn.verdicts.items():
            lines += [f"{name}: {line}" for line in text.splitlines()]
        lines += [f"WRONG {text}" for text in turn.wrong] + ["```", ""]
    return "\n".join(lines)


def write(folder, seed, turns):
    """Returns the files that it wrote."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "timeline.md"]
    written[0].write_text(timeline(seed, turns), encoding="utf-8")
    if all(hasattr(turn, "begun_s") for turn in turns):
        written.append(folder / "plot.svg")
        written[1].write_text(Plot(seed, turns).draw(), encoding="utf-8")
    return written


def failures(turn):
    """What clients say that failed: no duplicate ever does, but waits have ends."""
    failed = collections.Counter()
    for client in turn.fleet.clients.values():
        for one in client.reports:
            failed.update(one["failed"])
    return ", ".join(f"{count} {name}" for name, count in failed.most_common(8)) or "none"


def summarize(seed, turns):
    for turn in turns:
        passed, lost = turn.packets
        print(f"\n{turn.kind}: {len([one for one in turn.told if one.lane])} events, "
              f"{passed} packets passed and {lost} were lost; failed calls: {failures(turn)}")
        for name, (_, text) in turn.verdicts.items():
            print("  " + "\n  ".join(f"{name}: {line}" for line in text.splitlines()))
    for turn in turns:
        print(f"{'FAIL' if turn.wrong else 'ok'} {turn.kind}: {total(turn)} ids")
        for text in turn.wrong:
            print(f"  {text}")
    print(f"PAWL_SEED={seed}")
