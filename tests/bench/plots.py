#!/usr/bin/env python3
"""Draws the figures of lib/PERFORMANCE.md from the benchmarks' JSON.

Usage: plots.py DIRECTORY REPORT.json...

One SVG for each figure whose table is in a report; needs gnuplot."""
import json
import re
import subprocess
import sys

HEAD = """set terminal svg size 720,420 font 'sans,12' background '#ffffff'
set output '{path}'
set title '{title}'
set grid ytics lc rgb '#dddddd'
set border 3
set tics nomirror
set key {key}
"""


def table(reports, title):
    for report in reports:
        for candidate in report["tables"]:
            if candidate["title"].startswith(title):
                return candidate["rows"]
    return None


def series(rows, name, x, y):
    """{name: [(x, y)...]} in the order of the rows; rows whose x is None are left out."""
    lines = {}
    for row in rows:
        if x(row) is not None:
            lines.setdefault(row[name], []).append((x(row), row[y]))
    return lines


def draw(path, title, lines, setup, key="top left"):
    script = HEAD.format(path=path, title=title, key=key) + setup + "\n"
    plots = []
    for number, (name, points) in enumerate(lines.items()):
        script += f"$line{number} << EOD\n"
        script += "".join(f"{json.dumps(x)} {y}\n" for x, y in points) + "EOD\n"
        using = "1:2" if isinstance(points[0][0], (int, float)) else "0:2:xtic(1)"
        plots.append(f"$line{number} using {using} with linespoints lw 2 pt 7 ps 0.6 title '{name}'")
    script += "plot " + ", ".join(plots) + "\n"
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def pauses(reports, directory):
    rows = table(reports, "Pauses of a simulated guest")
    if rows:
        lines = series(rows, "guest", lambda row: row["pages"] or None, "p50 ms")
        lines = {name: sorted(points) for name, points in lines.items()}
        draw(f"{directory}/pause.svg", "Pause by dirty pages (bench pause)", lines,
             "set logscale xy\nset xlabel 'pages copied in the pause'\nset ylabel 'pause, ms'")


def guests(reports, directory):
    rows = table(reports, "Work that a guest")
    if rows:
        lines = series(rows, "pause budget", lambda row: row["captures"], "of its work uncaptured")
        lines = {f"pause budget {name}": points for name, points in lines.items()}
        draw(f"{directory}/guest.svg", "What the guest keeps of its speed (bench guest)", lines,
             "set yrange [0:1.1]\nset xlabel 'captures'\nset ylabel 'of its work uncaptured'",
             "bottom left")


def peers(reports, directory):
    rows = table(reports, "A QEMU guest")
    if rows:
        script = HEAD.format(path=f"{directory}/peers.svg", key="off",
                             title="Pauses of one QEMU guest (bench peers)")
        script += "set logscale y\nset ylabel 'pause, ms'\nset style fill solid 0.7\n"
        script += "set boxwidth 0.6\nset xtics rotate by -20\nset rmargin 12\n$bars << EOD\n"
        script += "".join(f'"{row["way"]}" {row["pause ms"]}\n' for row in rows) + "EOD\n"
        script += "plot $bars using 0:2:xtic(1) with boxes lc rgb '#4477aa'\n"
        subprocess.run(["gnuplot"], input=script, text=True, check=True)


def streams(reports, directory):
    def chunk_kib(row):
        match = re.fullmatch(r"gRPC, (\d+) KiB chunks", row["how"])
        return int(match[1]) if match and row["readers"] == 1 else None

    rows = table(reports, "A snapshot streamed")
    if rows:
        draw(f"{directory}/stream.svg", "One gRPC stream by chunk size (bench stream)",
             series(rows, "over", chunk_kib, "GiB/s"),
             "set logscale x 2\nset yrange [0:*]\nset xlabel 'chunk, KiB'\nset ylabel 'GiB/s'")


def generations(reports, directory):
    rows = table(reports, "10000 generations")
    if rows:
        points = [(int(row["generation"]), row["scan GiB/s"]) for row in rows]
        draw(f"{directory}/generations.svg", "Scanning the newest generation (bench scale)",
             {"through the page map": points},
             "set logscale x\nset yrange [0:*]\nset xlabel 'generations published'\n"
             "set ylabel 'GiB/s'", "bottom left")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    directory, paths = sys.argv[1], sys.argv[2:]
    reports = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            reports.append(json.load(file))
    for figure in (pauses, guests, peers, streams, generations):
        figure(reports, directory)


main()
