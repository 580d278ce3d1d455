#include <gtest/gtest.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/loggers/wandb_logger.h>

#include <limits>
#include <string>
#include <vector>

#include "core/byte_source.h"
#include "loggers/utf8_text.h"
#include "loggers/wandb/digest.h"
#include "loggers/wandb/extended_json.h"
#include "loggers/wandb/log_format.h"
#include "loggers/wandb/log_reader.h"
#include "loggers/wandb/records.h"
#include "loggers/wandb/run_dir.h"
#include "loggers/wandb/run_log.h"
#include "loggers/wandb/settings.h"
#include "loggers/wandb/uploader.h"
#include "support/environment.h"
#include "support/errors.h"
#include "support/temp_dir.h"
#include "support/write_file.h"

namespace bolt::detail::wandb {
namespace {

using bolt::testing::has;
using bolt::testing::message_of;
using bolt::testing::TempDir;
using bolt::testing::WithEnvironment;
using bolt::testing::write_file;

struct Read {
  std::vector<std::string> records{};
  uint64_t end = 0;
};

Read read_all(const std::filesystem::path& path) {
  const InputFile file("test", path);
  LogReader reader(file);
  Read read;
  for (std::string record; reader.next(record);) {
    read.records.push_back(record);
  }
  read.end = reader.end();
  return read;
}

std::string log_of(const std::vector<std::string>& records) {
  std::string bytes(kFileHead);
  for (const std::string& record : records) {
    bytes += framed(bytes.size(), record);
  }
  return bytes;
}

// A text in which no two places look the same.
std::string text_of(std::size_t size) {
  std::string text;
  while (text.size() < size) text += std::to_string(text.size()) + ",";
  text.resize(size);
  return text;
}

TEST(WandbLog, BeginsAsTheFormatSays) {
  // Made with Python's struct and zlib.
  EXPECT_EQ(hex(log_of({"abc"})),
            "3a572642e1be00"  // the head
            "a9209d530300"    // checksum and length
            "01616263");      // a whole record, and it
}

TEST(WandbLog, RecordsOfAllLengthsComeBackAcrossTheBlocksBorders) {
  const TempDir dir;
  const auto path = dir.path() / "a.wandb";
  const std::size_t block = kBlock - kFileHead.size() - kChunkHead;
  for (std::size_t left = 0; left <= 2 * kChunkHead + 1; ++left) {
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{7}, kBlock - kChunkHead,
          kBlock - kChunkHead + 1, 3 * kBlock}) {
      // The first record leaves that many bytes of its block.
      const std::vector<std::string> records{text_of(block - left),
                                             text_of(size), "end"};
      write_file(path, log_of(records));
      const Read read = read_all(path);
      ASSERT_EQ(read.records, records) << left << " left, " << size;
      ASSERT_EQ(read.end, std::filesystem::file_size(path));
    }
  }
}

TEST(WandbLog, NoChunkCrossesABlock) {
  const std::string bytes = log_of({text_of(100'000), text_of(5)});
  for (std::size_t at = kFileHead.size(); at < bytes.size();) {
    const std::size_t size = static_cast<uint8_t>(bytes[at + 4]) |
                             static_cast<uint8_t>(bytes[at + 5]) << 8;
    EXPECT_EQ(at / kBlock, (at + kChunkHead + size - 1) / kBlock) << at;
    at += kChunkHead + size;
  }
}

// What a killed process leaves: any beginning of the file.
TEST(WandbLog, CutAnywhereTheWholeRecordsAreLeft) {
  const TempDir dir;
  const auto path = dir.path() / "a.wandb";
  const std::size_t border = kBlock - kFileHead.size() - 3 * kChunkHead - 40;
  const std::vector<std::string> records{text_of(border), text_of(30),
                                         text_of(60)};
  const std::string bytes = log_of(records);
  const std::size_t second = log_of({records[0]}).size();
  const std::size_t third = log_of({records[0], records[1]}).size();
  ASSERT_GT(bytes.size(), kBlock);  // the last one goes over the border
  for (std::size_t cut = second; cut <= bytes.size(); ++cut) {
    write_file(path, bytes.substr(0, cut));
    const Read read = read_all(path);
    const std::size_t whole = cut == bytes.size() ? 3 : cut >= third ? 2 : 1;
    ASSERT_EQ(read.records.size(), whole) << cut;
    ASSERT_EQ(read.end, whole == 3   ? bytes.size()
                        : whole == 2 ? third
                                     : second);
  }
}

TEST(WandbLog, DamageEndsTheReading) {
  const TempDir dir;
  const auto path = dir.path() / "a.wandb";
  const std::string good = log_of({"first", "second", "third"});
  const std::size_t second = log_of({"first"}).size();
  for (std::size_t k = 0; k < kChunkHead + 6; ++k) {
    std::string bytes = good;
    bytes[second + k] = static_cast<char>(bytes[second + k] ^ 0x40);
    write_file(path, bytes);
    EXPECT_EQ(read_all(path).records, std::vector<std::string>{"first"}) << k;
  }
  write_file(path, ":W&B something else");
  EXPECT_TRUE(has(message_of<DataError>([&] { read_all(path); }),
                  {"a.wandb", "not a log of W&B"}));
}

// A log of four rows, and where each record of it ends.
std::vector<uint64_t> write_rows(const std::filesystem::path& path) {
  RunLog log(path, {.id = "abc", .project = "p"}, {});
  for (int64_t k = 0; k < 4; ++k) {
    log.row({{{"loss"}, "0.5"}}, 10 * k, Time());
  }
  log.flush();
  std::vector<uint64_t> ends;
  const InputFile file("test", path);
  LogReader reader(file);
  for (std::string record; reader.next(record);) ends.push_back(reader.end());
  return ends;
}

TEST(WandbLog, RepairEndsWhatAKilledProcessLeft) {
  const TempDir dir;
  const auto path = dir.path() / "run.wandb";
  const auto ends = write_rows(path);
  const std::string bytes = read_file(path);
  for (uint64_t cut = ends[ends.size() - 3]; cut <= bytes.size(); ++cut) {
    write_file(path, bytes.substr(0, cut));
    const auto before = read_all(path).records;
    repair(path);
    const Read after = read_all(path);
    ASSERT_EQ(after.end, std::filesystem::file_size(path)) << cut;
    ASSERT_EQ(after.records.size(), before.size() + 1);
    ASSERT_TRUE(is_exit(after.records.back()));
    ASSERT_TRUE(
        std::equal(before.begin(), before.end(), after.records.begin()));
  }
  // What ended stays as it is.
  const std::string ended = read_file(path);
  repair(path);
  EXPECT_EQ(read_file(path), ended);
}

TEST(WandbLog, RepairLeavesARunThatGoesOn) {
  const TempDir dir;
  const auto path = dir.path() / "run.wandb";
  RunLog log(path, {.id = "abc"}, {});
  const std::string before = read_file(path);
  repair(path);
  EXPECT_EQ(read_file(path), before);
}

TEST(WandbLog, IsReadUpToAStep) {
  const TempDir dir;
  const auto path = dir.path() / "run.wandb";
  write_rows(path);
  const LogEnd all = read_log(path);
  EXPECT_EQ(all.last_step, 3);
  EXPECT_EQ(all.size, std::filesystem::file_size(path));
  EXPECT_FALSE(all.finished);
  EXPECT_EQ(read_log(path, 2).last_step, 1);
  EXPECT_EQ(read_log(path, 0).last_step, -1);
  RunLog again(path, {}, read_log(path, 2).size, read_log(path, 2).records, 2);
  again.row({}, 20, Time());
  again.exit(0, Time());
  again.flush();
  const auto records = read_all(path).records;
  std::vector<int64_t> steps;
  for (const auto& record : records) {
    if (const auto step = history_step(record)) steps.push_back(*step);
  }
  EXPECT_EQ(steps, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_TRUE(read_log(path).finished);
}

TEST(WandbDigest, AreThoseOfTheStandards) {
  // RFC 1321 A.5, FIPS 180-4 examples.
  EXPECT_EQ(hex(md5_of("")), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex(md5_of("message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(hex(sha256_of("abc")),
            "ba7816bf8f01cfea414140de5dae2223"
            "b00361a396177a9cb410ff61f20015ad");
  Md5 pieces;
  const std::string text = text_of(1000);
  for (std::size_t at = 0; at < text.size(); at += 7) {
    pieces.update(std::string_view(text).substr(at, 7));
  }
  EXPECT_EQ(pieces.finish(), md5_of(text));
  EXPECT_EQ(base64("any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
  EXPECT_EQ(base64("any carnal pleasu"), "YW55IGNhcm5hbCBwbGVhc3U=");
}

TEST(WandbJson, HasWhatJsonHasNot) {
  EXPECT_EQ(extended_number(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(extended_number(-std::numeric_limits<double>::infinity()),
            "-Infinity");
  EXPECT_EQ(extended_number(0.1), "0.1");
  EXPECT_EQ(as_utf8("a\xc3z"), "a\xef\xbf\xbdz");
}

// None of W&B's variables.
struct Clean {
  WithEnvironment mode{"WANDB_MODE", nullptr};
  WithEnvironment project{"WANDB_PROJECT", nullptr};
  WithEnvironment dir{"WANDB_DIR", nullptr};
  WithEnvironment id{"WANDB_RUN_ID", nullptr};
  WithEnvironment tags{"WANDB_TAGS", nullptr};
  WithEnvironment resume{"WANDB_RESUME", nullptr};
  WithEnvironment key{"WANDB_API_KEY", nullptr};
  WithEnvironment netrc{"NETRC", "/nowhere"};
  WithEnvironment token{"WANDB_IDENTITY_TOKEN_FILE", nullptr};
};

TEST(WandbSettings, OptionsGoBeforeTheEnvironment) {
  const Clean clean;
  EXPECT_EQ(settings_of({}).project, "lightning_logs");
  const WithEnvironment project("WANDB_PROJECT", "env");
  const WithEnvironment tags("WANDB_TAGS", "a, b c,,");
  const WithEnvironment dir("WANDB_DIR", "/somewhere");
  const WithEnvironment id("WANDB_RUN_ID", "from-env");
  const Settings settings = settings_of({});
  EXPECT_EQ(settings.project, "env");
  EXPECT_EQ(settings.tags, (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(settings.dir, "/somewhere");
  EXPECT_EQ(settings.id, "from-env");
  const Settings own = settings_of(
      {.save_dir = "here", .id = "mine", .project = "p", .tags = {"x"}});
  EXPECT_EQ(own.project, "p");
  EXPECT_EQ(own.tags, std::vector<std::string>{"x"});
  EXPECT_EQ(own.dir, "here");
  EXPECT_EQ(own.id, "mine");
}

TEST(WandbSettings, ModesAreThoseOfTheEnvironment) {
  const Clean clean;
  EXPECT_EQ(settings_of({}).mode, Mode::kOnline);
  EXPECT_EQ(settings_of({.offline = true}).mode, Mode::kOffline);
  for (const auto& [text, mode] :
       {std::pair{"online", Mode::kOnline}, std::pair{"run", Mode::kOnline},
        std::pair{"offline", Mode::kOffline},
        std::pair{"dryrun", Mode::kOffline},
        std::pair{"disabled", Mode::kDisabled}}) {
    const WithEnvironment variable("WANDB_MODE", text);
    EXPECT_EQ(settings_of({}).mode, mode) << text;
  }
  const WithEnvironment mode("WANDB_MODE", "of-line");
  EXPECT_TRUE(has(message_of<ConfigError>([] { settings_of({}); }),
                  {"WANDB_MODE", "of-line", "offline"}));
}

TEST(WandbSettings, AnIdCannotLeaveTheFolder) {
  const Clean clean;
  for (const char* id : {"../x", "a:b", " a", "a\n", "a?"}) {
    EXPECT_TRUE(has(message_of<ConfigError>([&] { settings_of({.id = id}); }),
                    {"WandbLogger", "id"}))
        << id;
  }
}

TEST(WandbSettings, SaysWhatIsWrongWithAKeyAndNotTheKey) {
  const Clean clean;
  EXPECT_TRUE(has(missing_key(), {"WANDB_API_KEY is not set"}));
  {
    const WithEnvironment key("WANDB_API_KEY", "tooshort");
    EXPECT_TRUE(has(missing_key(), {"WANDB_API_KEY", "8 characters"}));
    EXPECT_EQ(missing_key().find("tooshort"), std::string::npos);
  }
  {
    const WithEnvironment key("WANDB_API_KEY",
                              ("local-" + std::string(40, 'x')).c_str());
    EXPECT_EQ(missing_key(), "");
  }
  const TempDir dir;
  write_file(dir.path() / "netrc",
             "machine a.b login x password y\n"
             "machine api.wandb.ai\n  login user\n  password z\n");
  const auto file = (dir.path() / "netrc").string();
  const WithEnvironment netrc("NETRC", file.c_str());
  EXPECT_EQ(missing_key(), "");
  const WithEnvironment other("WANDB_BASE_URL", "https://own.host:1/x");
  EXPECT_NE(missing_key(), "");
}

TEST(WandbSettings, SecretsDoNotGetThrough) {
  const std::vector<std::string> known{"s3cr3t-value"};
  EXPECT_EQ(harmless({"train", "--lr=1", "--api-key=abc", "--password", "abc",
                      "--keys", "--name", "x", "url?s3cr3t-value&",
                      "--uri=http://u:p/w@h/"},
                     known),
            (std::vector<std::string>{"train", "--lr=1", "--api-key=***",
                                      "--password", "***", "--keys", "--name",
                                      "x", "url?***&", "--uri=http://***@h/"}));
  EXPECT_EQ(without(known, "s3cr3t-value and s3cr3t-value"), "*** and ***");
}

TEST(WandbUploader, CommandsCanBeCopied) {
  EXPECT_EQ(sync_command({.path = "/a b/wandb/offline-run-1-x"}),
            "wandb sync '/a b/wandb/offline-run-1-x'");
  EXPECT_EQ(sync_command({.path = "/w/run-1-x"}),
            "wandb sync --include-online /w/run-1-x");
}

}  // namespace
}  // namespace bolt::detail::wandb
