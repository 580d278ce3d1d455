// Reads files for check_files.py: a line of standard input each, answered by a
// line of JSON.
//
//   npy PATH            the array
//   map PATH            the array, mapped
//   npz PATH            its arrays, by name
//   rewrite PATH NEW    reads an array, writes it to NEW
//   png PATH NEW        reads an array, writes it to NEW as a picture
//   csv DELIMITER PATH  its columns

#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/csv.h>
#include <torchbolt/data/map_tensor.h>
#include <torchbolt/data/npy.h>
#include <torchbolt/data/png.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

namespace {

using nlohmann::json;

json described(const at::Tensor& tensor) {
  const at::Tensor plain = tensor.contiguous();
  const auto* bytes = static_cast<const unsigned char*>(plain.data_ptr());
  std::string hex;
  for (std::size_t k = 0; k < plain.nbytes(); ++k) {
    hex += "0123456789abcdef"[bytes[k] >> 4];
    hex += "0123456789abcdef"[bytes[k] & 15];
  }
  return {{"type", c10::toString(plain.scalar_type())},
          {"shape", plain.sizes().vec()},
          {"hex", hex}};
}

json answer(const std::string& line) {
  std::istringstream words(line);
  std::string what, path, more;
  words >> what >> path >> more;
  if (what == "npy") return described(bolt::read_npy(path));
  if (what == "map") return described(bolt::map_npy(path));
  if (what == "rewrite") {
    bolt::write_npy(more, bolt::read_npy(path));
    return nullptr;
  }
  if (what == "png") {
    bolt::write_png(more, bolt::read_npy(path));
    return nullptr;
  }
  json all = json::object();
  if (what == "npz") {
    for (const auto& [name, tensor] : bolt::read_npz(path)) {
      all[name] = described(tensor);
    }
  } else if (what == "csv") {
    const bolt::Table table = bolt::read_csv(more, {.delimiter = path[0]});
    for (const std::string& name : table.names()) {
      if (table.is_text(name)) {
        all[name] = table.texts(name);
      } else {
        all[name] = described(table.column(name));
      }
    }
  }
  return all;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    json reply;
    try {
      reply = answer(line);
    } catch (const bolt::DataError& error) {
      reply = {{"error", error.what()}};
    }
    std::cout << reply.dump() << '\n';
  }
}
