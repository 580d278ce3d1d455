#pragma once

#include <torchbolt/export.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bolt {

/// The parts of an error message; leave out what doesn't apply.
struct ErrorText {
  std::string where{};     ///< Class, function or argument.
  std::string what{};      ///< What is wrong.
  std::string got{};       ///< What was given.
  std::string expected{};  ///< What would have been right.
  std::string tip{};       ///< What to try.
};

/// Base of all errors that torchbolt throws. `what()` reads
/// "[where] what; got X, expected Y; try Z".
class TORCHBOLT_API Error : public std::runtime_error {
 public:
  explicit Error(ErrorText text);
  const ErrorText& text() const { return text_; }

 private:
  ErrorText text_;
};

/// The user's configuration, or the order of calls, is wrong.
class TORCHBOLT_API ConfigError : public Error {
 public:
  using Error::Error;
};

/// Data can't be read, or isn't what it should be.
class TORCHBOLT_API DataError : public Error {
 public:
  using Error::Error;
};

/// A checkpoint, or a state tree, isn't what it should be.
class TORCHBOLT_API CheckpointError : public Error {
 public:
  using Error::Error;
};

/// Processes can't work together.
class TORCHBOLT_API DistributedError : public Error {
 public:
  using Error::Error;
};

/// The name among `known` that `name` was probably meant to be, or "".
TORCHBOLT_API std::string did_you_mean(std::string_view name,
                                       const std::vector<std::string>& known);

}  // namespace bolt
