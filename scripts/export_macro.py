#!/usr/bin/env python3
"""Puts TORCHBOLT_API where public headers need it, or says where it is missing.

    scripts/export_macro.py            adds it, and formats what changed
    scripts/export_macro.py --check    lists what lacks it; fails if there is any

A shared library shows what is marked with it and nothing else. It goes on every
class that isn't a template, on structs with functions that aren't defined in
place, and on functions and variables that are only declared: those at namespace
scope, and friends. The headers are in clang-format's Google style, so what stands
at the start of a line stands at namespace scope.
"""

import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADERS = ROOT / "include" / "torchbolt"
MACRO = "TORCHBOLT_API"
NO_FUNCTION = ("namespace", "using", "typedef", "enum", "template", "concept",
               "static_assert", "inline", "constexpr", "static", "class", "struct",
               "union", "extern \"C\"", "extern template", "}", "#", "//", "public:",
               "private:", "protected:", "requires")


def without_comments(line):
    return re.sub(r"//.*", "", line).rstrip()


def statement(lines, start):
    """The text from a line to the end of its declaration, and what ends it."""
    text, depth = "", 0
    for line in lines[start:]:
        for c in without_comments(line):
            depth += c in "(["
            depth -= c in ")]"
            if depth == 0 and c in ";{":
                return text, c
            text += c
        text += " "
    return text, ""


def block(lines, start):
    """The lines of a class from its first to its closing one."""
    for end in range(start, len(lines)):
        if lines[end].startswith("}"):
            return lines[start:end + 1]
    return lines[start:]


def is_template(lines, at):
    """Whether a declaration goes on from template<...> or requires above it."""
    while at > 0:
        at -= 1
        above = lines[at]
        if above.startswith(("template", "  requires", "requires")):
            return True
        if not above.startswith(("    ", "  ")) or without_comments(
                above).endswith((";", "}", "{")):
            return False
    return False


def declares_functions(body):
    """Whether a struct has functions that are defined elsewhere."""
    for at, line in enumerate(body):
        if not re.match(r"  [\w~\[]", line) or line.startswith("  template"):
            continue
        text, end = statement(body, at)
        text = text.strip()
        # A call in an initialiser, or a function type, is no declaration.
        head = re.split(r"=|\{", text)[0]
        if (end == ";" and re.search(r"[\w~]\(", re.sub(r"<[^;]*>", "", head))
                and not text.startswith(("using", "friend", "static_assert"))
                and not re.search(r"\(\s*\*", head)
                and not re.search(r"=\s*(default|delete|0)$", text)):
            return True
    return False


def needs_macro(lines, at):
    """Where in a line the macro has to go; None where it needs none."""
    line = lines[at]
    found = re.match(r"(class|struct) (?!TORCHBOLT_API)(\w+)", line)
    if found:
        _, end = statement(lines, at)
        if end != "{" or is_template(lines, at):
            return None
        if found[1] == "struct" and not declares_functions(block(lines, at)):
            return None
        return found.end(1) + 1
    found = re.match(r"  friend (?!class|struct|TORCHBOLT_API)", line)
    if found:
        text, end = statement(lines, at)
        plain = end == ";" and not re.search(r"=\s*(default|delete)$", text.strip())
        return found.end() if plain and not is_template(lines, at) else None
    if not re.match(r"[A-Za-z_\[:]", line) or line.startswith(NO_FUNCTION):
        return None
    # The name may stand below its type.
    if at > 0 and re.match(MACRO + r"[^;{()]*$", lines[at - 1]):
        return None
    if line.startswith(MACRO) or is_template(lines, at):
        return None
    # It stands with the type, on a line of its own.
    if at > 0 and re.fullmatch(rf"{MACRO} [\w:<>, ]+", lines[at - 1]):
        return None
    text, end = statement(lines, at)
    if end != ";" or MACRO in text:
        return None
    if "(" not in text and not text.startswith("extern"):
        return None
    found = re.match(r"(\[\[\w+(\(.*?\))?\]\] )*(extern )?", line)
    return found.end()


def in_macro(lines, at):
    return at > 0 and lines[at - 1].rstrip().endswith("\\")


def missing(lines):
    for at in range(len(lines)):
        if in_macro(lines, at):
            continue
        column = needs_macro(lines, at)
        if column is not None:
            yield at, column


def with_include(lines):
    include = "#include <torchbolt/export.h>"
    if include in lines:
        return lines
    for at, line in enumerate(lines):
        # Into the block of ours or torch's; clang-format puts it in order.
        if re.match(r"#include <(torchbolt|torch|ATen|c10)/", line):
            return lines[:at] + [include] + lines[at:]
    at = lines.index("#pragma once") + 1
    return lines[:at] + ["", include] + lines[at:]


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    lacking, changed = [], []
    for path in sorted(HEADERS.rglob("*.h")):
        lines = path.read_text().split("\n")
        places = list(missing(lines))
        if not places:
            continue
        for at, column in places:
            lacking.append(f"{path.relative_to(ROOT)}:{at + 1}: {lines[at].strip()}")
            lines[at] = lines[at][:column] + MACRO + " " + lines[at][column:]
        if not check:
            path.write_text("\n".join(with_include(lines)))
            changed.append(str(path))
    if check:
        for line in lacking:
            print(line)
        print(f"{len(lacking)} declarations lack {MACRO}"
              + ("; scripts/export_macro.py adds it" if lacking else ""))
        sys.exit(1 if lacking else 0)
    if changed:
        tool = shutil.which("clang-format-19")
        if tool is None:
            sys.exit("clang-format-19 isn't there: format by hand " + " ".join(changed))
        subprocess.run([tool, "-i", *changed], check=True)
    print(f"{len(lacking)} declarations marked in {len(changed)} headers")


main()
