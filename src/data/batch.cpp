#include <ATen/ATen.h>
#include <cxxabi.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/batch.h>

#include <cstdlib>
#include <memory>
#include <unordered_map>
#include <vector>

namespace bolt {

namespace detail {

void add_leaf(BatchSize& size, bool& first, std::optional<int64_t> samples) {
  if (!size.samples) {
    size.samples = samples;
  } else if (size.samples != samples) {
    size.ambiguous = true;
  }
  first = false;
}

std::optional<int64_t> leaf_samples(const at::Tensor& tensor) {
  if (!tensor.defined()) return std::nullopt;
  return tensor.dim() == 0 ? 1 : tensor.size(0);
}

void move_leaf(at::Tensor& tensor, const at::Device& device) {
  if (!tensor.defined() || tensor.device() == device) return;
  const bool wait = device.is_cpu() || device.is_mps();
  tensor = tensor.to(device, /*non_blocking=*/!wait);
}

void isolate_leaf(at::Tensor& tensor) {
  if (!tensor.defined()) return;
  const bool shared =
      tensor.use_count() > 1 ||
      (tensor.has_storage() && tensor.storage().use_count() > 1);
  if (shared) tensor = tensor.clone();
}

}  // namespace detail

AnyBatch::~AnyBatch() {
  if (storage_ != nullptr) storage_ops_->destroy(storage_);
}

void AnyBatch::swap(AnyBatch& other) noexcept {
  std::swap(ops_, other.ops_);
  std::swap(storage_ops_, other.storage_ops_);
  std::swap(storage_, other.storage_);
  std::swap(value_, other.value_);
}

void* AnyBatch::storage_for(const BatchOps& ops) {
  if (storage_ != nullptr && storage_ops_->type != ops.type) {
    storage_ops_->destroy(storage_);
    storage_ = nullptr;
  }
  if (storage_ == nullptr) {
    storage_ = ops.create();
    storage_ops_ = &ops;
  }
  ops_ = &ops;
  value_ = nullptr;
  return storage_;
}

void AnyBatch::check_type(const BatchOps& wanted) const {
  if (value_ != nullptr && (ops_ == &wanted || ops_->type == wanted.type)) {
    return;
  }
  throw DataError(
      {.where = "AnyBatch",
       .what = "the batch is of another type",
       .got = value_ == nullptr ? "no batch" : type_name(ops_->type),
       .expected = type_name(wanted.type)});
}

void AnyBatch::reset() noexcept {
  value_ = nullptr;
  if (storage_ != nullptr) storage_ops_->clear(storage_);
}

void AnyBatch::own() {
  if (value_ == nullptr) return;
  if (storage_ != nullptr && storage_ops_ == ops_ &&
      value_ == ops_->value(storage_)) {
    return;
  }
  const BatchOps& ops = *ops_;
  if (ops.copy == nullptr) {
    throw DataError({.where = "AnyBatch",
                     .what = "the batch has to be changed or moved, and its "
                             "type can't be copied",
                     .got = type_name(ops.type),
                     .tip = "let the loader give out batches by value"});
  }
  const void* from = value_;
  ops.copy(storage_for(ops), from);
  value_ = ops.value(storage_);
}

void AnyBatch::isolate() {
  own();
  if (value_ != nullptr) ops_->isolate(value_);
}

void AnyBatch::to(const at::Device& device) {
  if (value_ == nullptr || ops_->lives_on(value_, device)) return;
  own();
  ops_->to(value_, device);
}

void AnyBatch::map(
    const std::function<at::Tensor(const at::Tensor&)>& convert) {
  if (value_ == nullptr) return;
  struct Pass {
    const std::function<at::Tensor(const at::Tensor&)>& convert;
    // By the tensor that was there: a copy of the batch has the same ones.
    std::unordered_map<const at::TensorImpl*, at::Tensor> made{};
    std::vector<at::Tensor> kept{};
    bool changes = false;
  } pass{convert};
  ops_->visit(
      value_,
      [](void* self, at::Tensor& leaf) {
        auto& [of, made, kept, changes] = *static_cast<Pass*>(self);
        if (!leaf.defined()) return;
        const auto [entry, fresh] =
            made.try_emplace(leaf.unsafeGetTensorImpl());
        if (!fresh) return;
        entry->second = of(leaf);
        kept.push_back(leaf);
        changes = changes || !entry->second.is_same(leaf);
      },
      &pass);
  if (!pass.changes) return;
  own();
  ops_->visit(
      value_,
      [](void* self, at::Tensor& leaf) {
        if (!leaf.defined()) return;
        leaf = static_cast<Pass*>(self)->made.at(leaf.unsafeGetTensorImpl());
      },
      &pass);
}

BatchSize AnyBatch::size() const {
  return value_ == nullptr ? BatchSize{} : ops_->size(value_);
}

const std::type_info& AnyBatch::type() const {
  return value_ == nullptr ? typeid(void) : ops_->type;
}

std::string type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? name.get() : type.name();
}

}  // namespace bolt
