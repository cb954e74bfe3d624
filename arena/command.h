// What rl-arena does, apart from reading its flags.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "arena/arena.h"
#include "arena/leaderboard.h"
#include "arena/preferences.h"

namespace agon::arena {

// The model of a checkpoint directory: the weights' hash, an absolute location, and name, stage
// and step from RUN/checkpoints/<stage>-<step> ("RUN/<stage>-<step>"), else the folder's name.
// Throws kNotFound if there is no model.safetensors.
Model ModelOfCheckpoint(const std::filesystem::path& dir);

// The model behind "http://HOST/v1#MODEL": named like the address, of stage "external", its weights
// unknown. Throws kUsage without the name behind a #.
Model ModelOfEndpoint(const std::string& where);

// Throws that kNotFound.
void CheckIsModel(const std::filesystem::path& dir);

std::vector<std::filesystem::path> FoldersIn(const std::filesystem::path& folder);  // sorted

// Chat checkpoints of a run directory, in the order in which they were trained: of sft and of rl
// so many at most, spread evenly, each stage's last among them.
std::vector<std::filesystem::path> CheckpointsOfRun(const std::filesystem::path& run,
                                                    size_t max_sft, size_t max_rl);

struct AddCommand {
  std::vector<std::filesystem::path> checkpoints{};  // endpoints, too
  // Of a single checkpoint, instead of what its path says.
  std::optional<std::string> name{}, parent{}, stage{};
  bool is_private = false;
};
// Adds each; without a parent named, the one added before it (an endpoint has none). Says what it
// did. The names.
std::vector<std::string> RunAdd(Arena& arena, const AddCommand& command, std::ostream& out);

void RunLeaderboard(Arena& arena, const LeaderboardOptions& options, bool json, std::ostream& out);

// "arena" or "fastchat", by the first line.
std::string DetectFormat(const std::filesystem::path& file);
void RunImport(Arena& arena, const std::filesystem::path& file, std::ostream& out);
struct ExportCommand {
  std::string format = "arena";  // "fastchat", "preferences"
  PreferenceOptions preferences{};
};
// Of preferences, says on `notes` how many there are and what was left out; throws kFailed if there
// are none.
void RunExport(Arena& arena, const ExportCommand& command, std::ostream& out, std::ostream& notes);

// A leaderboard of a file of votes, without an arena.
void RunRate(const std::filesystem::path& file, const LeaderboardOptions& options, bool json,
             std::ostream& out);

// Prints the problems, then "N rows, head H"; throws kFailed if there are any.
void RunVerify(const std::filesystem::path& file, const std::string& known_head, std::ostream& out);

}  // namespace agon::arena
