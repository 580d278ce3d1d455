#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/augmented_dataset.h>
#include <torchbolt/data/data_loader.h>
#include <torchbolt/data/transforms/transforms.h>

#include <map>

#include "support/errors.h"

namespace bolt {
namespace {

using namespace transforms;
using testing::has;
using testing::message_of;

torch::Tensor bytes(std::vector<int64_t> shape) {
  return torch::randint(0, 256, shape, torch::kByte);
}

torch::Tensor floats(std::vector<int64_t> shape) { return torch::randn(shape); }

// The same transforms, made of torch's operations, image by image.
torch::Tensor slow_normalize(torch::Tensor x, std::vector<double> mean,
                             std::vector<double> std) {
  if (x.scalar_type() == torch::kByte) x = x.to(torch::kFloat).div(255);
  const auto of = [](const std::vector<double>& v) {
    return torch::tensor(v, torch::kFloat).view({-1, 1, 1});
  };
  return x.sub(of(mean)).div(of(std));
}

torch::Tensor slow_crop(const torch::Tensor& x, int64_t height, int64_t width,
                        int64_t padding, Rng& rng) {
  const auto padded =
      torch::constant_pad_nd(x, {padding, padding, padding, padding});
  const auto at = [&](int64_t size, int64_t wanted) {
    return static_cast<int64_t>(
        rng.below(static_cast<uint64_t>(size - wanted + 1)));
  };
  const int64_t top = at(padded.size(-2), height);
  const int64_t left = at(padded.size(-1), width);
  return padded.narrow(-2, top, height).narrow(-1, left, width);
}

torch::Tensor slow_flip(const torch::Tensor& x, int64_t axis, double p,
                        Rng& rng) {
  return rng.uniform() < p ? x.flip({axis}) : x;
}

TEST(Transforms, TheFusedPassEqualsTorchsOperationsBitForBit) {
  const Compose fused{Normalize({.mean = {0.5, 0.4, 0.3}, .std = {0.2}}),
                      RandomCrop({.height = 12, .width = 9, .padding = 4}),
                      RandomHorizontalFlip(),
                      RandomVerticalFlip({.p = 0.3}),
                      RandomCrop({.height = 7, .width = 8}),
                      RandomHorizontalFlip(),
                      Normalize({.mean = {-0.1}, .std = {1.5, 2.5, 3.5}})};
  const auto slow = [](torch::Tensor x, Rng& rng) {
    x = slow_normalize(x, {0.5, 0.4, 0.3}, {0.2});
    x = slow_crop(x, 12, 9, 4, rng);
    x = slow_flip(x, -1, 0.5, rng);
    x = slow_flip(x, -2, 0.3, rng);
    x = slow_crop(x, 7, 8, 0, rng);
    x = slow_flip(x, -1, 0.5, rng);
    return slow_normalize(x, {-0.1}, {1.5, 2.5, 3.5});
  };
  for (const auto& images : {bytes({40, 3, 11, 10}), floats({40, 3, 11, 10}),
                             // Channels last: other strides.
                             bytes({40, 11, 10, 3}).permute({0, 3, 1, 2})}) {
    Rng a(1), b(1), c(1), d(1);
    const auto batch = fused.batch(images, a);
    EXPECT_EQ(batch.sizes(), (std::vector<int64_t>{40, 3, 7, 8}));
    EXPECT_TRUE(batch.is_contiguous());
    const std::vector<int64_t> indices{39, 0, 7, 7};
    const auto gathered = fused.gather(images, indices, c);
    for (int64_t k = 0; k < 40; ++k) {
      const auto one = slow(images[k], b);
      ASSERT_TRUE(torch::equal(batch[k], one)) << k;
    }
    for (int64_t k = 0; k < 4; ++k) {
      const auto one = slow(images[indices[static_cast<std::size_t>(k)]], d);
      ASSERT_TRUE(torch::equal(gathered[k], one)) << k;
    }
    EXPECT_EQ(a.next(), b.next());  // as many draws
  }
}

TEST(Transforms, PaddingIsMappedByWhatFollowsIt) {
  const Compose after{RandomCrop({.height = 6, .width = 6, .padding = 2}),
                      Normalize({.mean = {0.5}, .std = {0.25}})};
  const Compose before{Normalize({.mean = {0.5}, .std = {0.25}}),
                       RandomCrop({.height = 6, .width = 6, .padding = 2})};
  const auto white = torch::full({1, 2, 2}, 255, torch::kByte);
  Rng a(3), b(3);
  EXPECT_EQ(after(white, a).min().item<float>(), -2);
  EXPECT_EQ(before(white, b).min().item<float>(), 0);
}

TEST(Transforms, ASecondPaddingIsAPassOfItsOwn) {
  const Compose twice{RandomCrop({.height = 6, .width = 5, .padding = 2}),
                      Normalize({.mean = {0.5}, .std = {0.25}}),
                      RandomCrop({.height = 7, .width = 8, .padding = 3})};
  const auto images = bytes({1, 1, 4, 4});
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Rng a(seed), b(seed);
    auto slow = slow_crop(images[0], 6, 5, 2, a);
    slow = slow_crop(slow_normalize(slow, {0.5}, {0.25}), 7, 8, 3, a);
    ASSERT_TRUE(torch::equal(twice.batch(images, b)[0], slow));
  }
}

TEST(Transforms, WithoutNormalizeTheTypeStays) {
  const Compose geometry{RandomCrop({.height = 3, .width = 3, .padding = 1}),
                         RandomHorizontalFlip()};
  for (const auto type :
       {torch::kByte, torch::kHalf, torch::kInt, torch::kDouble, torch::kBool,
        torch::kComplexDouble}) {
    const auto images = bytes({8, 4, 4}).to(type);
    Rng a(5), b(5);
    const auto batch = geometry.batch(images, a);
    EXPECT_EQ(batch.scalar_type(), type);
    for (int64_t k = 0; k < 8; ++k) {
      const auto one = slow_flip(slow_crop(images[k], 3, 3, 1, b), -1, 0.5, b);
      ASSERT_TRUE(torch::equal(batch[k], one)) << type;
    }
  }
}

TEST(Transforms, WorkOnSamplesAndBatchesWithAndWithoutChannels) {
  Rng rng(1);
  const CenterCrop crop({.height = 2, .width = 3});
  const auto sizes = [](const torch::Tensor& x) { return x.sizes().vec(); };
  using Shape = std::vector<int64_t>;
  EXPECT_EQ(sizes(crop(bytes({5, 6}), rng)), (Shape{2, 3}));
  EXPECT_EQ(sizes(crop(bytes({1, 5, 6}), rng)), (Shape{1, 2, 3}));
  EXPECT_EQ(sizes(crop.batch(bytes({1, 5, 6}), rng)), (Shape{1, 2, 3}));
  EXPECT_EQ(sizes(crop.batch(bytes({4, 3, 5, 6}), rng)), (Shape{4, 3, 2, 3}));
  EXPECT_EQ(sizes(crop.batch(bytes({0, 3, 5, 6}), rng)), (Shape{0, 3, 2, 3}));
  const auto x = torch::arange(20).view({4, 5});
  EXPECT_TRUE(torch::equal(crop(x, rng), x.slice(0, 1, 3).slice(1, 1, 4)));
}

TEST(Transforms, OffsetsAndFlipsAreUniform) {
  // One bright pixel tells where the window was, two whether it was mirrored.
  auto image = torch::zeros({28, 28}, torch::kByte);
  image[14][14] = 1;
  image[14][15] = 2;
  const Compose augment{RandomCrop({.height = 28, .width = 28, .padding = 4}),
                        RandomHorizontalFlip()};
  constexpr int64_t kDraws = 40'500;
  Rng rng(11);
  const auto batch =
      augment.batch(image.unsqueeze(0).expand({kDraws, 28, 28}), rng);
  const auto brightest = batch.flatten(1).argmax(1);
  std::map<std::pair<int64_t, int64_t>, int64_t> counts;
  int64_t flipped = 0;
  for (int64_t k = 0; k < kDraws; ++k) {
    const auto at = brightest[k].item<int64_t>();
    int64_t row = at / 28, column = at % 28;
    const bool flip =
        column + 1 < 28 && batch[k][row][column + 1].item<int>() == 1;
    flipped += flip ? 1 : 0;
    if (flip) column = 27 - column;
    counts[{row, column}] += 1;
  }
  ASSERT_EQ(counts.size(), 81u);
  double chi_square = 0;
  for (const auto& [place, count] : counts) {
    EXPECT_TRUE(place.first >= 10 && place.first <= 18 && place.second >= 11 &&
                place.second <= 19);
    chi_square += (count - 500.0) * (count - 500.0) / 500.0;
  }
  // 80 degrees of freedom: above 125 once in a thousand seeds.
  EXPECT_LT(chi_square, 125);
  EXPECT_NEAR(double(flipped) / kDraws, 0.5, 0.01);
}

TEST(Transforms, DrawFromTheGivenGeneratorAlone) {
  const Compose augment{RandomCrop({.height = 5, .width = 5, .padding = 2}),
                        RandomVerticalFlip()};
  const auto images = floats({16, 1, 5, 5});
  torch::manual_seed(1);
  Rng a(7), b(7), other(8);
  const auto first = augment.batch(images, a);
  const auto next = torch::rand({1});
  torch::manual_seed(1);
  EXPECT_TRUE(torch::equal(torch::rand({1}), next));
  EXPECT_TRUE(torch::equal(augment.batch(images, b), first));
  EXPECT_FALSE(torch::equal(augment.batch(images, other), first));
}

TEST(Transforms, CallablesStandAmongThem) {
  int calls = 0;
  std::vector<int64_t> seen;
  const Compose augment{RandomHorizontalFlip({.p = 1}),
                        [&](const torch::Tensor& x) {
                          ++calls;
                          return x + 1;
                        },
                        PerSample([&](const torch::Tensor& x, Rng& rng) {
                          seen.push_back(static_cast<int64_t>(rng.below(5)));
                          return x.flatten();
                        })};
  const auto images = floats({3, 2, 4, 4});
  Rng a(1), b(1);
  const auto batch = augment.batch(images, a);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_TRUE(torch::equal(batch, (images.flip({3}) + 1).flatten(1)));
  const std::vector<int64_t> indices{2, 0};
  EXPECT_TRUE(torch::equal(augment.gather(images, indices, b)[0], batch[2]));
  EXPECT_TRUE(torch::equal(augment(images[1], b), batch[1]));
  // A callable first: it is given the samples gathered.
  const Transform callable([](const torch::Tensor& x) { return x * 2; });
  EXPECT_TRUE(
      torch::equal(callable.gather(images, indices, b)[1], images[0] * 2));
  EXPECT_TRUE(torch::equal(
      Compose(std::vector<Transform>{}).gather(images, indices, b)[1],
      images[0]));
}

TEST(Transforms, NameWhatIsWrong) {
  Rng rng(1);
  const auto refused = [&](const Transform& transform, torch::Tensor batch) {
    const std::string message =
        message_of<DataError>([&] { transform.batch(batch, rng); });
    EXPECT_EQ(message, message_of<DataError>([&] { transform.check(batch); }));
    return message;
  };
  EXPECT_TRUE(has(refused(Normalize({.mean = {1, 2, 3}}), bytes({2, 1, 4, 4})),
                  {"Normalize", "channels", "got 1, expected 3"}));
  EXPECT_TRUE(has(refused(Normalize(), bytes({2, 1, 4, 4}).to(torch::kInt)),
                  {"Normalize", "Int", "Byte"}));
  EXPECT_TRUE(has(refused(RandomCrop({.height = 9, .width = 4, .padding = 1}),
                          bytes({2, 4, 4})),
                  {"RandomCrop", "too small", "4 x 4", "6 x 6", "9 x 4"}));
  EXPECT_TRUE(has(refused(Compose{CenterCrop({.height = 3, .width = 3}),
                                  RandomCrop({.height = 4, .width = 3})},
                          bytes({2, 8, 8})),
                  {"RandomCrop", "3 x 3", "4 x 3"}));
  EXPECT_TRUE(has(refused(RandomHorizontalFlip(), bytes({4, 4})),
                  {"RandomHorizontalFlip", "no images", "[4, 4]", "N, C"}));
  EXPECT_TRUE(
      has(refused(RandomHorizontalFlip(), torch::Tensor()), {"undefined"}));
  const std::vector<int64_t> beyond{5};
  EXPECT_TRUE(has(message_of<DataError>([&] {
                    RandomHorizontalFlip().gather(bytes({5, 4, 4}), beyond,
                                                  rng);
                  }),
                  {"no such sample", "5", "0 to 4"}));

  EXPECT_THROW(Normalize({.mean = {}}), ConfigError);
  EXPECT_THROW(Normalize({.mean = {1, 2}, .std = {1, 2, 3}}), ConfigError);
  EXPECT_THROW(Normalize({.std = {0}}), ConfigError);
  EXPECT_THROW(RandomCrop({.height = 0, .width = 3}), ConfigError);
  EXPECT_THROW(RandomCrop({.height = 3, .width = 3, .padding = -1}),
               ConfigError);
  EXPECT_THROW(CenterCrop({.height = 3}), ConfigError);
  EXPECT_THROW(RandomVerticalFlip({.p = 1.5}), ConfigError);
  EXPECT_THROW(
      (Compose{Normalize({.mean = {1, 2}}), Normalize({.mean = {1, 2, 3}})}),
      ConfigError);
}

TEST(AugmentedDataset, GivesBatchesThatDependOnSeedAndEpochAlone) {
  const AugmentedDataset data(
      TensorDataset(bytes({30, 1, 8, 8}), torch::arange(30)),
      Compose{Normalize(), RandomCrop({.height = 8, .width = 8, .padding = 2}),
              RandomHorizontalFlip()});
  const auto epoch = [&](int64_t number) {
    DataLoader loader(data, {.batch_size = 7, .shuffle = true, .seed = 4});
    loader.set_epoch(number);
    std::vector<torch::Tensor> images, targets;
    for (const auto& batch : loader) {
      images.push_back(batch.data);
      targets.push_back(batch.target);
    }
    return std::make_pair(torch::cat(images), torch::cat(targets));
  };
  const auto [images, targets] = epoch(1);
  EXPECT_EQ(images.sizes(), (std::vector<int64_t>{30, 1, 8, 8}));
  EXPECT_TRUE(torch::equal(std::get<0>(targets.sort()), torch::arange(30)));
  EXPECT_TRUE(torch::equal(epoch(1).first, images));
  EXPECT_FALSE(torch::equal(epoch(2).first, images));
  EXPECT_TRUE(has(message_of<DataError>([] {
                    AugmentedDataset(
                        TensorDataset(bytes({3, 4, 4}), torch::arange(3)),
                        CenterCrop({.height = 5, .width = 4}));
                  }),
                  {"CenterCrop", "too small"}));
}

}  // namespace
}  // namespace bolt
