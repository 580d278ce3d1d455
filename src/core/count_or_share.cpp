#include <torchbolt/core/count_or_share.h>
#include <torchbolt/core/number.h>

namespace bolt {

std::string CountOrShare::text() const {
  if (is_count()) return std::to_string(count());
  std::string number = shortest(share());
  if (number.find_first_of(".en") == std::string::npos) number += ".0";
  return number;
}

}  // namespace bolt
