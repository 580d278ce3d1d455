#!/usr/bin/env python3
"""Makes the reference of the public headers; fails on any warning.

    scripts/reference.py FOLDER [--doxygen PROGRAM]     FOLDER/html/index.html

Every public class, function, enumeration and type needs a comment. Members that
their name says all about need none.
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Members may go without; deduction guides say nothing that a reader needs.
ALLOWED = re.compile(
    r"warning: Member .*(of (class|struct) \S+|-> .*\(function\).*) is not documented")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--doxygen", default="doxygen")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    settings = (ROOT / "docs" / "Doxyfile").read_text(encoding="utf-8")
    run = subprocess.run(
        [arguments.doxygen, "-"], input=f'{settings}\nOUTPUT_DIRECTORY = "{folder}"\n',
        cwd=ROOT, text=True, stderr=subprocess.PIPE, check=False)
    wrong = [line for line in run.stderr.splitlines() if not ALLOWED.search(line)]
    for line in wrong:
        print(line.replace(f"{ROOT}/", ""), file=sys.stderr)
    if run.returncode != 0 or wrong:
        sys.exit("reference: there were warnings (above)")
    print(f"reference: {folder / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
