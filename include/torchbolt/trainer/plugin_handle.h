#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace bolt {

/// A callback or a logger on its way into a Trainer. Given by value, each
/// Trainer gets a copy of its own; given as `shared_ptr`, it is shared, because
/// the caller said so.
template <class Base>
class PluginHandle {
 public:
  template <class P>
    requires std::derived_from<P, Base> && std::copy_constructible<P>
  PluginHandle(P plugin)
      : make_([prototype = std::make_shared<const P>(std::move(plugin))] {
          return std::shared_ptr<Base>(std::make_shared<P>(*prototype));
        }) {}

  template <class P>
    requires std::derived_from<P, Base>
  PluginHandle(std::shared_ptr<P> plugin)
      : make_([shared = std::shared_ptr<Base>(std::move(plugin))] {
          return shared;
        }) {}

  /// The object for one Trainer.
  std::shared_ptr<Base> instance() const { return make_(); }

 private:
  std::function<std::shared_ptr<Base>()> make_;
};

}  // namespace bolt
