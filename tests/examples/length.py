"""length.py LINES FILE...: fails when a file has more than LINES lines."""

import sys

limit = int(sys.argv[1])
too_long = []
for name in sys.argv[2:]:
    with open(name, encoding="utf-8") as file:
        lines = len(file.readlines())
    if lines > limit:
        too_long.append(f"{name}: {lines} lines, at most {limit} are wanted")
sys.exit("\n".join(too_long) or 0)
