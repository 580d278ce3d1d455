#include <torchbolt/core/log.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/trainer/logger.h>

#include <typeinfo>

namespace bolt {

void Logger::say_not_kept(const std::string& kind, std::string_view name) {
  if (!said_.insert(kind).second) return;
  log_info("[" + type_name(typeid(*this)) + "] keeps no " + kind +
           ", such as \"" + std::string(name) + "\"; other loggers may");
}

void Logger::log_histogram(std::string_view name, const Histogram&, int64_t) {
  say_not_kept("histograms", name);
}
void Logger::log_image(std::string_view name, const at::Tensor&, int64_t) {
  say_not_kept("images", name);
}
void Logger::log_figure(std::string_view name, const Figure&, int64_t) {
  say_not_kept("figures", name);
}
void Logger::log_text(std::string_view name, std::string_view, int64_t) {
  say_not_kept("texts", name);
}
void Logger::log_table(std::string_view name, const Table&, int64_t) {
  say_not_kept("tables", name);
}

}  // namespace bolt
