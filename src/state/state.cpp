#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torchbolt/core/error.h>
#include <torchbolt/state/state.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <unordered_map>

namespace bolt {
namespace {

std::string text_of(const State::Key& key) {
  if (const auto* number = std::get_if<int64_t>(&key)) {
    return std::to_string(*number);
  }
  return "\"" + std::get<std::string>(key) + "\"";
}

bool same_tensor(const at::Tensor& a, const at::Tensor& b) {
  if (a.defined() != b.defined()) return false;
  if (!a.defined()) return true;
  if (a.scalar_type() != b.scalar_type() || a.sizes() != b.sizes()) {
    return false;
  }
  const at::Tensor x = a.detach().cpu().contiguous();
  const at::Tensor y = b.detach().cpu().contiguous();
  return x.nbytes() == 0 ||
         std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0;
}

std::string text_of(double number) {
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return {text.data(), end};
}

std::string text_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return "tensor(undefined)";
  std::string shape;
  for (const int64_t n : tensor.sizes()) {
    shape += (shape.empty() ? "" : ", ") + std::to_string(n);
  }
  return "tensor[" + shape + "] " +
         std::string(c10::toString(tensor.scalar_type()));
}

}  // namespace

// Small maps are searched; large ones (the parameters of a model) get an index.
class State::Map {
 public:
  const std::deque<Entry>& entries() const { return entries_; }

  State* find(const Key& key) {
    const std::size_t at = position(key);
    return at == entries_.size() ? nullptr : &entries_[at].second;
  }

  State& add(const Key& key) {
    entries_.emplace_back(key, State());
    if (indexed()) {
      if (index_.size() + 1 < entries_.size()) rebuild();
      index_[key] = entries_.size() - 1;
    }
    return entries_.back().second;
  }

  bool erase(const Key& key) {
    const std::size_t at = position(key);
    if (at == entries_.size()) return false;
    entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(at));
    index_.clear();
    if (indexed()) rebuild();
    return true;
  }

 private:
  bool indexed() const { return entries_.size() > 16; }

  void rebuild() {
    index_.clear();
    for (std::size_t k = 0; k < entries_.size(); ++k) {
      index_.emplace(entries_[k].first, k);
    }
  }

  std::size_t position(const Key& key) const {
    if (indexed()) {
      const auto found = index_.find(key);
      return found == index_.end() ? entries_.size() : found->second;
    }
    const auto found = std::ranges::find(entries_, key, &Entry::first);
    return static_cast<std::size_t>(found - entries_.begin());
  }

  // So that `s["b"] = s.at("a")` finds the value where it was.
  std::deque<Entry> entries_{};
  std::unordered_map<Key, std::size_t> index_{};
};

State::State(const State& other) { *this = other; }

State& State::operator=(const State& other) {
  if (this == &other) return *this;
  switch (other.kind()) {
    case Kind::kList:
      value_ = std::make_shared<List>(
          *std::get<std::shared_ptr<List>>(other.value_));
      break;
    case Kind::kTuple:
      value_ = std::make_shared<Tuple>(
          *std::get<std::shared_ptr<Tuple>>(other.value_));
      break;
    case Kind::kMap:
      value_ =
          std::make_shared<Map>(*std::get<std::shared_ptr<Map>>(other.value_));
      break;
    default:
      value_ = other.value_;
  }
  return *this;
}

State State::list(std::vector<State> items) {
  State state;
  state.value_ = std::make_shared<List>(List{std::move(items)});
  return state;
}

State State::tuple(std::vector<State> items) {
  State state;
  state.value_ = std::make_shared<Tuple>(Tuple{std::move(items)});
  return state;
}

State State::map(std::vector<Entry> entries) {
  State state;
  state.value_ = std::make_shared<Map>();
  for (Entry& entry : entries) {
    state[entry.first] = std::move(entry.second);
  }
  return state;
}

template <class T>
const T& State::get(const char* expected) const {
  if (const T* value = std::get_if<T>(&value_)) return *value;
  throw CheckpointError({.where = "State",
                         .what = "the value is of another kind",
                         .got = std::string(bolt::to_string(kind())),
                         .expected = expected});
}

bool State::as_bool() const { return get<bool>("bool"); }
int64_t State::as_int() const { return get<int64_t>("int"); }
double State::as_double() const {
  if (is_int()) return static_cast<double>(as_int());
  if (is_tensor() && as_tensor().defined() && as_tensor().numel() == 1) {
    return as_tensor().item<double>();
  }
  return get<double>("double");
}
const std::string& State::as_string() const {
  return get<std::string>("string");
}
const at::Tensor& State::as_tensor() const { return get<at::Tensor>("tensor"); }

std::size_t State::size() const {
  if (is_map()) return entries().size();
  return is_list() || is_tuple() ? items().size() : 0;
}

const std::vector<State>& State::items() const {
  if (is_tuple()) return std::get<std::shared_ptr<Tuple>>(value_)->items;
  return get<std::shared_ptr<List>>("list or tuple")->items;
}

std::vector<State>& State::items() {
  return const_cast<std::vector<State>&>(std::as_const(*this).items());
}

void State::push_back(State item) { items().push_back(std::move(item)); }

const std::deque<State::Entry>& State::entries() const {
  return get<std::shared_ptr<Map>>("map")->entries();
}

State& State::operator[](const Key& key) {
  if (is_none()) *this = map();
  Map& map = *get<std::shared_ptr<Map>>("map");
  State* found = map.find(key);
  return found == nullptr ? map.add(key) : *found;
}

const State* State::find(const Key& key) const {
  return get<std::shared_ptr<Map>>("map")->find(key);
}

const State& State::at(const Key& key) const {
  if (const State* found = find(key)) return *found;
  std::vector<std::string> names;
  std::string list;
  for (const auto& [name, value] : entries()) {
    if (names.size() < 20) list += (list.empty() ? "" : ", ") + text_of(name);
    names.push_back(text_of(name));
  }
  const std::string near = did_you_mean(text_of(key), names);
  throw CheckpointError(
      {.where = "State",
       .what = "the key " + text_of(key) + " is not there",
       .expected = names.empty()
                       ? "a map that has it (this one is empty)"
                       : "one of " + list + (names.size() > 20 ? ", …" : ""),
       .tip = near.empty() ? "" : "did you mean " + near + "?"});
}

bool State::erase(const Key& key) {
  return get<std::shared_ptr<Map>>("map")->erase(key);
}

namespace {

using Storages = std::unordered_map<const void*, at::Tensor>;

at::Tensor clone_tensor(const at::Tensor& tensor, Storages& storages) {
  if (!tensor.defined()) return tensor;
  const at::NoGradGuard no_grad;
  if (!tensor.has_storage() || tensor.layout() != at::kStrided) {
    return tensor.detach().clone();
  }
  const void* key = tensor.storage().unsafeGetStorageImpl();
  auto found = storages.find(key);
  if (found == storages.end()) {
    // The whole storage, as bytes, so that views of it can share it again.
    const auto bytes = static_cast<int64_t>(tensor.storage().nbytes());
    at::Tensor all = at::empty({0}, tensor.options().dtype(at::kByte));
    all.set_(tensor.storage(), 0, {bytes}, {1});
    found = storages.emplace(key, all.clone()).first;
  }
  at::Tensor copy = at::empty({0}, tensor.options());
  copy.set_(found->second.storage(), tensor.storage_offset(), tensor.sizes(),
            tensor.strides());
  return copy;
}

State clone_state(const State& state, Storages& storages) {
  if (state.is_tensor()) return clone_tensor(state.as_tensor(), storages);
  if (state.is_list() || state.is_tuple()) {
    std::vector<State> items;
    items.reserve(state.size());
    for (const State& item : state.items()) {
      items.push_back(clone_state(item, storages));
    }
    return state.is_list() ? State::list(std::move(items))
                           : State::tuple(std::move(items));
  }
  if (state.is_map()) {
    State map = State::map();
    for (const auto& [key, value] : state.entries()) {
      map[key] = clone_state(value, storages);
    }
    return map;
  }
  return state;
}

}  // namespace

State State::clone() const {
  Storages storages;
  return clone_state(*this, storages);
}

std::string State::to_string() const {
  switch (kind()) {
    case Kind::kNone:
      return "none";
    case Kind::kBool:
      return as_bool() ? "true" : "false";
    case Kind::kInt:
      return std::to_string(as_int());
    case Kind::kDouble:
      return text_of(std::get<double>(value_));
    case Kind::kString:
      return "\"" + as_string() + "\"";
    case Kind::kTensor:
      return text_of(as_tensor());
    case Kind::kList:
    case Kind::kTuple: {
      std::string text;
      for (const State& item : items()) {
        text += (text.empty() ? "" : ", ") + item.to_string();
      }
      return is_list() ? "[" + text + "]" : "(" + text + ")";
    }
    case Kind::kMap: {
      std::string text;
      for (const auto& [key, value] : entries()) {
        text += (text.empty() ? "" : ", ") + text_of(key) + ": " +
                value.to_string();
      }
      return "{" + text + "}";
    }
  }
  return "?";
}

bool operator==(const State& a, const State& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case State::Kind::kDouble:
      return std::bit_cast<uint64_t>(std::get<double>(a.value_)) ==
             std::bit_cast<uint64_t>(std::get<double>(b.value_));
    case State::Kind::kTensor:
      return same_tensor(a.as_tensor(), b.as_tensor());
    case State::Kind::kList:
    case State::Kind::kTuple:
      return a.items() == b.items();
    case State::Kind::kMap:
      return a.entries() == b.entries();
    case State::Kind::kNone:
      return true;
    case State::Kind::kBool:
      return a.as_bool() == b.as_bool();
    case State::Kind::kInt:
      return a.as_int() == b.as_int();
    case State::Kind::kString:
      return a.as_string() == b.as_string();
  }
  return false;
}

std::string_view to_string(State::Kind kind) {
  constexpr std::array<std::string_view, 9> kNames{"none",   "bool",   "int",
                                                   "double", "string", "tensor",
                                                   "list",   "tuple",  "map"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace bolt
