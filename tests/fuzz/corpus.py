"""The inputs that are kept for a fuzzer, in corpus/KIND.txt: one a line, zlib and then base64, the shortest first."""
import base64, pathlib, zlib

FOLDER = pathlib.Path(__file__).parent / "corpus"


def read(kind):
    path = FOLDER / f"{kind}.txt"
    lines = path.read_text().split() if path.exists() else []
    return [zlib.decompress(base64.b64decode(line)) for line in lines]


def write(kind, inputs):
    FOLDER.mkdir(exist_ok=True)
    lines = [base64.b64encode(zlib.compress(data, 9)).decode() for data in sorted(inputs, key=lambda data: (len(data), data))]
    (FOLDER / f"{kind}.txt").write_text("".join(line + "\n" for line in lines))
