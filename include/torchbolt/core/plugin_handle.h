#pragma once

#include <torchbolt/export.h>

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace bolt {

namespace detail {
[[noreturn]] TORCHBOLT_API void throw_null_plugin();
}

/// A callback, a logger or another plug-in on its way into a Trainer. Given by
/// value, each Trainer gets a copy of its own; given as `shared_ptr`, it is
/// shared, because the caller said so.
template <class Base>
class PluginHandle {
 public:
  template <class P>
    requires std::derived_from<P, Base> && std::copy_constructible<P>
  PluginHandle(P plugin)
      : make_([prototype = std::make_shared<const P>(std::move(plugin))] {
          return std::shared_ptr<Base>(std::make_shared<P>(*prototype));
        }),
        covers_([](const Base& other) {
          return dynamic_cast<const P*>(&other) != nullptr;
        }) {}

  template <class P>
    requires std::derived_from<P, Base>
  PluginHandle(std::shared_ptr<P> plugin)
      : make_([shared = std::shared_ptr<Base>(plugin)] {
          if (shared == nullptr) detail::throw_null_plugin();
          return shared;
        }),
        covers_([plugin](const Base& other) {
          const Base& own = *plugin;
          // A pointer to a base tells nothing of the class it points to.
          return typeid(own) == typeid(P)
                     ? dynamic_cast<const P*>(&other) != nullptr
                     : typeid(own) == typeid(other);
        }) {}

  /// The object for one Trainer.
  std::shared_ptr<Base> instance() const { return make_(); }
  /// Whether `other` is of the plug-in's class, or of one derived from it.
  bool covers(const Base& other) const { return covers_(other); }

 private:
  std::function<std::shared_ptr<Base>()> make_;
  std::function<bool(const Base&)> covers_;
};

}  // namespace bolt
