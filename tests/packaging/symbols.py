#!/usr/bin/env python3
"""Looks at what the shared library shows: what is bolt's and public, and nothing
else but instances of the standard library's and torch's templates.

usage: symbols.py NM LIBRARY SRC
"""

import pathlib
import re
import subprocess
import sys

OURS = {"bolt"}
TEMPLATES = {"std", "__gnu_cxx", "torch", "c10", "at", "caffe2", "ska"}
LINKER = {"_init", "_fini", "_end", "_edata", "__bss_start"}


def outermost(name):
    """The outermost namespace of a mangled name (Itanium C++ ABI, 5.1)."""
    if not name.startswith("_Z"):
        return name
    # Tables, type information, guards and thunks of something; local names.
    rest = re.sub(r"^_Z(T[VTISWH]|GV|GR|T[hv]n?\d*_(n?\d+_)?|Tc\w*?_)?", "", name)
    # A function's type: what it returns, or takes where that is a plain one.
    rest = re.sub(r"^P*F[a-z]?", "", rest)
    rest = re.sub(r"^[ZNKVROLP]*", "", rest)
    if re.match(r"S[tabsiod]", rest):
        return "std"
    found = re.match(r"(\d+)(\w+)", rest)
    return found[2][:int(found[1])] if found else name


def internal_classes(src):
    """Classes that src/ declares and include/ doesn't."""
    declared = re.compile(r"^(?:class|struct) (?:TORCHBOLT_API )?(\w+)\b[^;]*$", re.M)
    names = set()
    for header in pathlib.Path(src).rglob("*.h"):
        names |= set(declared.findall(header.read_text()))
    for header in (pathlib.Path(src).parent / "include").rglob("*.h"):
        names -= set(declared.findall(header.read_text()))
    return names


def main():
    nm, library, src = sys.argv[1:]
    listed = subprocess.run([nm, "-D", "--defined-only", library], check=True,
                            capture_output=True, text=True).stdout
    internal = internal_classes(src)
    wrong, ours = [], 0
    for line in listed.splitlines():
        kind, name = line.split()[-2:]
        name = name.split("@")[0]
        space = outermost(name)
        hidden = re.match(r"_ZNK?4bolt(?:6detail)?(\d+)(\w+)", name)
        if hidden and hidden[2][:int(hidden[1])] in internal:
            wrong.append(f"internal: {name}")
        elif space in OURS:
            ours += 1
        elif not (name in LINKER or (space in TEMPLATES and kind in "VWu")):
            wrong.append(f"not ours ({kind}): {name}")
    if not internal or ours < 100:
        wrong.append(f"{len(internal)} internal classes, {ours} symbols of ours?")
    for line in wrong:
        print(line)
    print(f"{ours} symbols of ours, {len(wrong)} that should not be seen")
    sys.exit(1 if wrong else 0)


main()
