#pragma once

#include <cstdint>

namespace bolt::detail::wandb {

// Field numbers of the messages that we write or read. Each enumeration has the
// name of its message, and each enumerator that of its field
// (kRunId is run_id): tests/interop/check_wandb.py compares them with W&B's.

enum class Record : uint32_t {
  kNum = 1,
  kHistory = 2,
  kSummary = 3,
  kConfig = 5,
  kFiles = 6,
  kArtifact = 8,
  kMetric = 12,
  kOutputRaw = 13,
  kRun = 17,
  kExit = 18,
  kHeader = 21,
  kEnvironment = 26
};

enum class HeaderRecord : uint32_t { kVersionInfo = 1 };
enum class VersionInfo : uint32_t { kProducer = 1, kMinConsumer = 2 };

enum class RunRecord : uint32_t {
  kRunId = 1,
  kEntity = 2,
  kProject = 3,
  kConfig = 4,
  kRunGroup = 6,
  kJobType = 7,
  kDisplayName = 8,
  kNotes = 9,
  kTags = 10,
  kHost = 13,
  kStartingStep = 14,
  kStartTime = 17,
  kResumed = 18,
  kRuntime = 20,
  kGit = 21
};
enum class GitRepoRecord : uint32_t { kRemoteUrl = 1, kCommit = 2 };

enum class ConfigRecord : uint32_t { kUpdate = 1 };
enum class SummaryRecord : uint32_t { kUpdate = 1 };
enum class HistoryRecord : uint32_t { kItem = 1, kStep = 2 };
enum class HistoryStep : uint32_t { kNum = 1 };
enum class ConfigItem : uint32_t { kKey = 1, kNestedKey = 2, kValueJson = 16 };
enum class SummaryItem : uint32_t { kKey = 1, kNestedKey = 2, kValueJson = 16 };
enum class HistoryItem : uint32_t { kKey = 1, kNestedKey = 2, kValueJson = 16 };

enum class MetricRecord : uint32_t {
  kName = 1,
  kGlobName = 2,
  kStepMetric = 4,
  kOptions = 6,
  kSummary = 7,
  kGoal = 8,
  kControl = 9,
  kExpandedFromGlob = 10
};
enum class MetricOptions : uint32_t {
  kStepSync = 1,
  kHidden = 2,
  kDefined = 3
};
enum class MetricSummary : uint32_t {
  kMin = 1,
  kMax = 2,
  kMean = 3,
  kBest = 4,
  kLast = 5,
  kNone = 6,
  kCopy = 7,
  kFirst = 8
};
enum class MetricControl : uint32_t { kOverwrite = 1 };

enum class OutputRawRecord : uint32_t {
  kOutputType = 1,
  kTimestamp = 2,
  kLine = 3
};

enum class FilesRecord : uint32_t { kFiles = 1 };
enum class FilesItem : uint32_t { kPath = 1, kPolicy = 2, kType = 3 };

enum class EnvironmentRecord : uint32_t {
  kOs = 1,
  kStartedAt = 3,
  kArgs = 5,
  kProgram = 6,
  kGit = 9,
  kHost = 12,
  kExecutable = 14,
  kCpuCount = 16,
  kCpuCountLogical = 17,
  kMemory = 21,
  kWriterId = 199
};
enum class MemoryInfo : uint32_t { kTotal = 1 };

enum class ArtifactRecord : uint32_t {
  kRunId = 1,
  kProject = 2,
  kEntity = 3,
  kType = 4,
  kName = 5,
  kDigest = 6,
  kMetadata = 8,
  kAliases = 11,
  kManifest = 12,
  kFinalize = 14,
  kClientId = 15,
  kSequenceClientId = 16,
  kDigestAlgorithm = 20
};
enum class ArtifactManifest : uint32_t {
  kVersion = 1,
  kStoragePolicy = 2,
  kStoragePolicyConfig = 3,
  kContents = 4
};
enum class StoragePolicyConfigItem : uint32_t { kKey = 1, kValueJson = 2 };
enum class ArtifactManifestEntry : uint32_t {
  kPath = 1,
  kDigest = 2,
  kSize = 4,
  kLocalPath = 6,
  kSkipCache = 8
};

enum class RunExitRecord : uint32_t { kExitCode = 1, kRuntime = 2 };

/// google.protobuf.Timestamp
enum class Timestamp : uint32_t { kSeconds = 1, kNanos = 2 };

}  // namespace bolt::detail::wandb
