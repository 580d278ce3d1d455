"""links.py ROOT: fails when a link in a document of ROOT leads nowhere.

Links to files and to headings of documents; the web isn't asked. Every page under
docs/ must be reachable from docs/README.md.
"""

import pathlib
import re
import sys

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def text_of(page):
    """Without code, in which brackets mean something else."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return re.sub(r"`[^`\n]*`", lambda code: code.group().replace("](", "] ("), text)


def anchor(heading):
    """The name that GitHub gives a heading."""
    text = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return text.replace(" ", "-")


def anchors(page):
    return {anchor(h) for h in re.findall(r"^#+ +(.*)$", text_of(page), re.M)}


def links(page):
    for found in LINK.finditer(text_of(page)):
        target = found.group(1) or found.group(2)
        if not re.match(r"[a-z]+:", target):
            yield target


def problem(root, page, target):
    path, _, heading = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if root not in file.parents and file != root:
        return "leaves the project"
    if not file.exists():
        return "isn't there"
    if heading and file.suffix == ".md" and heading not in anchors(file):
        return "has no such heading"
    return None


def reachable(start):
    seen, ahead = set(), [start]
    while ahead:
        page = ahead.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        ahead += [(page.parent / t.partition("#")[0]).resolve() for t in links(page)]
    return seen


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    pages = sorted(root.glob("*.md")) + [
        page for folder in ("docs", "benchmarks", "tests", "examples")
        for page in sorted((root / folder).rglob("*.md"))]
    wrong, count = [], 0
    for page in pages:
        for target in links(page):
            count += 1
            what = problem(root, page, target)
            if what:
                wrong.append(f"{page.relative_to(root)}: {target} {what}")
    found = reachable(root / "docs" / "README.md")
    wrong += [f"docs/README.md doesn't lead to {page.relative_to(root)}"
              for page in sorted((root / "docs").rglob("*.md")) if page not in found]
    print(f"{count} links in {len(pages)} pages")
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()
