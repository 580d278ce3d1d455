#include <torchbolt/core/error.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace bolt {
namespace {

std::string compose(const ErrorText& text) {
  std::string message;
  if (!text.where.empty()) message += "[" + text.where + "] ";
  message += text.what;
  if (!text.got.empty()) message += "; got " + text.got;
  if (!text.expected.empty()) {
    message += std::string(text.got.empty() ? ";" : ",") + " expected " +
               text.expected;
  }
  if (!text.tip.empty()) message += "; try: " + text.tip;
  return message;
}

// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

Error::Error(ErrorText text)
    : std::runtime_error(compose(text)), text_(std::move(text)) {}

std::string did_you_mean(std::string_view name,
                         const std::vector<std::string>& known) {
  std::string best;
  std::size_t nearest = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t d = distance(name, candidate);
    if (d < nearest) {
      nearest = d;
      best = candidate;
    }
  }
  return best;
}

}  // namespace bolt
