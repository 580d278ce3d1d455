"""snippets.py FOLDER PAGE...: turns the C++ of the pages into files to compile.

A block's first line says what it is:
  ```cpp               a whole program when it has a main(), else declarations
  ```cpp members       members of a LightningModule
  ```cpp statements    statements, after the names in PREAMBLE
  ```cpp as-is         not compiled (what doesn't compile on purpose)

Writes FOLDER/programs/<page>_<line>.cpp for each program and FOLDER/pages/<page>.cpp
for the rest of a page, and prints the paths. Files that stay the same aren't
written again.
"""

import pathlib
import re
import sys

HEADER = """\
#include <torch/torch.h>
#include <torchbolt/torchbolt.h>
#include <torchbolt/core/files.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>

namespace nn = torch::nn;
namespace F = torch::nn::functional;
using namespace std::chrono_literals;
"""

# What statements may use.
PREAMBLE = """\
struct Classifier : bolt::LightningModule<> {
  Classifier() { register_module("net", net); }
  torch::Tensor forward(const torch::Tensor& x) { return net->forward(x); }
  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    return F::cross_entropy(net->forward(batch.data), batch.target);
  }
  bolt::OptimizerConfig configure_optimizers() override {
    return torch::optim::AdamW(parameters(), 1e-3);
  }
  nn::Sequential net{nn::Linear(2, 2)};
};
torch::Tensor x, y, images, labels;
Classifier model;
bolt::DataLoader<bolt::TensorDataset> train(bolt::TensorDataset(x, y));
bolt::DataLoader<bolt::TensorDataset> val(bolt::TensorDataset(x, y));
bolt::DataLoader<bolt::TensorDataset> test(bolt::TensorDataset(x, y));
"""

BLOCK = re.compile(r"^```cpp[ \t]*([\w-]*)[ \t]*\n(.*?)^```", re.M | re.S)


def blocks(page):
    text = page.read_text(encoding="utf-8")
    hidden = re.search(r"^[ \t]+```cpp.*$", text, re.M)
    if hidden:
        raise SystemExit(f"{page}: an indented block would not be compiled")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start(2)) + 1
        yield found.group(1), line, found.group(2)


def wrapped(kind, code, place):
    if kind == "members":
        return f"struct M : bolt::LightningModule<> {{\n{place}{code}}};\n"
    if kind == "statements":
        return f"{PREAMBLE}[[maybe_unused]] void f() {{\n{place}{code}}}\n"
    if kind == "":
        return place + code
    raise SystemExit(f"{place}: unknown kind of block '{kind}'")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    print(path)


def main():
    folder = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:]:
        page = pathlib.Path(name)
        stem = re.sub(r"\W", "_", page.stem.lower())
        parts = []
        for kind, line, code in blocks(page):
            if kind == "as-is":
                continue
            place = f'#line {line} "{page}"\n'
            if kind == "" and re.search(r"^int main\(", code, re.M):
                write(folder / "programs" / f"{stem}_{len(parts)}.cpp", place + code)
                parts.append("")
                continue
            parts.append(f"namespace snippet_{line} {{\n{wrapped(kind, code, place)}"
                         f"}}  // namespace\n")
        if any(parts):
            write(folder / "pages" / f"{stem}.cpp", HEADER + "\n".join(parts))


if __name__ == "__main__":
    main()
