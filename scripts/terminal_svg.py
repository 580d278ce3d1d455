#!/usr/bin/env python3
"""Draws what a terminal shows as an SVG picture, for the documents.

    tmux capture-pane -e -p -t NAME | scripts/terminal_svg.py COLUMNS > out.svg

Knows the colours that torchbolt uses (SGR 30-37, 39, 90-97, 0).
"""
import html
import re
import sys
import unicodedata

COLOURS = {30: "#484f58", 31: "#ff7b72", 32: "#3fb950", 33: "#d29922", 34: "#58a6ff", 35: "#bc8cff", 36: "#39c5cf",
           37: "#b1bac4", 90: "#6e7681"}
FRONT, BACK = "#e6edf3", "#0d1117"
WIDTH, HEIGHT, MARGIN = 8.4, 18, 12


def runs(line):
    """(column, columns, word, colour) of each word of a line."""
    colour, column = FRONT, 0
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if piece.startswith("\x1b["):
            for code in (int(c or 0) for c in piece[2:-1].split(";")):
                colour = COLOURS.get(code, FRONT)
            continue
        # Word by word, since viewers make one space of several.
        for word in re.split("( +)", piece):
            columns = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in word)
            if word.strip():
                yield column, columns, word, colour
            column += columns


def main():
    columns = int(sys.argv[1])
    lines = [line.rstrip("\n") for line in sys.stdin]
    while lines and not lines[-1].strip():
        lines.pop()
    width, height = columns * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
          f'viewBox="0 0 {width:.0f} {height}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" '
          f'font-size="14">')
    print(f'<rect width="100%" height="100%" rx="6" fill="{BACK}"/>')
    for row, line in enumerate(lines):
        y = MARGIN + row * HEIGHT + 13
        for column, wide, text, colour in runs(line):
            x = MARGIN + column * WIDTH
            print(f'<text x="{x:.1f}" y="{y}" fill="{colour}" textLength="{wide * WIDTH:.1f}" '
                  f'lengthAdjust="spacingAndGlyphs">{html.escape(text)}</text>')
    print("</svg>")


if __name__ == "__main__":
    main()
