#include "arena/command.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <ostream>

#include "core/digest.h"
#include "core/error.h"
#include "core/file.h"
#include "serve/completer.h"

namespace agon::arena {
namespace {

// "rl-000100" to ("rl", 100).
std::optional<std::pair<std::string, int64_t>> StageAndStep(const std::string& folder) {
  const size_t dash = folder.rfind('-');
  if (dash == std::string::npos || dash == 0) return std::nullopt;
  int64_t step = 0;
  const char* const end = folder.data() + folder.size();
  const auto [rest, error] = std::from_chars(folder.data() + dash + 1, end, step);
  if (error != std::errc() || rest != end || step < 0) return std::nullopt;
  return std::pair(folder.substr(0, dash), step);
}

std::ifstream OpenFile(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in || fs::is_directory(file))
    throw Error(ErrorKind::kNotFound, "no such file", file.string());
  return in;
}

int64_t ImportFile(Arena& arena, const fs::path& file) {
  const std::string format = DetectFormat(file);
  std::ifstream in = OpenFile(file);
  return format == "arena" ? arena.Import(in, file.string())
                           : arena.ImportFastChat(in, file.string());
}

// The last, and others spread evenly.
void AppendSpread(const std::vector<fs::path>& from, size_t max, std::vector<fs::path>& to) {
  const size_t count = std::min(max, from.size());
  if (count == 1) to.push_back(from.back());
  if (count < 2) return;
  for (size_t i = 0; i < count; ++i) {
    to.push_back(from[(i * (from.size() - 1) + count - 2) / (count - 1)]);
  }
}

}  // namespace

std::vector<fs::path> FoldersIn(const fs::path& folder) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory(error)) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

std::vector<fs::path> CheckpointsOfRun(const fs::path& run, size_t max_sft, size_t max_rl) {
  std::vector<fs::path> sft, rl, chosen;
  for (const fs::path& folder : FoldersIn(run / "checkpoints")) {
    if (!fs::exists(folder / "model.safetensors")) continue;
    // Steps are written with leading zeros, so the order of names is that of steps.
    const auto parts = StageAndStep(folder.filename().string());
    if (parts && parts->first == "sft") sft.push_back(folder);
    if (parts && parts->first == "rl") rl.push_back(folder);
  }
  AppendSpread(sft, max_sft, chosen);
  AppendSpread(rl, max_rl, chosen);
  return chosen;
}

Model ModelOfEndpoint(const std::string& where) {
  const size_t hash = where.rfind('#');
  if (hash == std::string::npos || hash + 1 == where.size()) {
    throw Error(ErrorKind::kUsage, "the endpoint's model is missing", where,
                "write it behind a #: http://127.0.0.1:8000/v1#nano");
  }
  return {.name = where.substr(where.find("://") + 3), .location = where, .stage = "external"};
}

void CheckIsModel(const fs::path& dir) {
  if (fs::exists(dir / "model.safetensors")) return;
  throw Error(ErrorKind::kNotFound, "no model.safetensors in this folder", dir.string(),
              "name a checkpoint, like runs/quickstart/checkpoints/rl-000100");
}

Model ModelOfCheckpoint(const fs::path& dir) {
  CheckIsModel(dir);
  const fs::path path = fs::absolute(dir).lexically_normal();
  const fs::path folder = path.has_filename() ? path : path.parent_path();
  Model model;
  model.location = folder.string();
  model.weights = Sha256OfFile(folder / "model.safetensors");
  model.name = folder.filename().string();
  if (const auto parts = StageAndStep(model.name)) {
    std::tie(model.stage, model.step) = *parts;
    if (folder.parent_path().filename() == "checkpoints") {
      model.name = (folder.parent_path().parent_path().filename() / model.name).string();
    }
  }
  return model;
}

std::vector<std::string> RunAdd(Arena& arena, const AddCommand& command, std::ostream& out) {
  const bool has_details = command.name || command.parent || command.stage;
  if (has_details && command.checkpoints.size() != 1) {
    throw Error(ErrorKind::kUsage, "--name, --parent and --stage are of one checkpoint, not of " +
                                       std::to_string(command.checkpoints.size()));
  }
  std::vector<std::string> names;
  std::string previous;
  for (const fs::path& dir : command.checkpoints) {
    const bool is_endpoint = serve::IsEndpoint(dir.string());
    Model model = is_endpoint ? ModelOfEndpoint(dir.string()) : ModelOfCheckpoint(dir);
    model.name = command.name.value_or(model.name);
    model.stage = command.stage.value_or(model.stage);
    model.parent = command.parent.value_or(is_endpoint ? "" : previous);
    model.is_private = command.is_private;
    const bool is_new = arena.AddModel(model);
    if (!is_endpoint) previous = model.name;
    out << (is_new ? "added " : "known ") << model.name << " ("
        << (is_endpoint ? "endpoint" : model.weights.substr(0, 12))
        << (model.parent.empty() ? "" : ", from " + model.parent) << ")\n";
    names.push_back(model.name);
  }
  return names;
}

void RunLeaderboard(Arena& arena, const LeaderboardOptions& options, bool json, std::ostream& out) {
  const Leaderboard board = ReadLeaderboard(arena, options);
  out << (json ? LeaderboardJson(board) : LeaderboardTable(board));
}

std::string DetectFormat(const fs::path& file) {
  std::ifstream in = OpenFile(file);
  std::string start(200, '\0');
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  return start.find("\"agon-arena\"") == std::string::npos ? "fastchat" : "arena";
}

void RunImport(Arena& arena, const fs::path& file, std::ostream& out) {
  const int64_t added = ImportFile(arena, file);
  out << "imported " << added << " rows, the log has " << arena.NumLogRows() << "\n";
}

void RunExport(Arena& arena, const ExportCommand& command, std::ostream& out, std::ostream& notes) {
  const std::string& format = command.format;
  if (format == "arena") {
    arena.Export(out);
  } else if (format == "fastchat") {
    arena.ExportFastChat(out);
  } else if (format == "preferences") {
    const PreferenceCounts counts = ExportPreferences(arena, command.preferences, out);
    notes << counts.num_pairs << " pair(s) on " << counts.num_prompts << " prompt(s)\n";
    for (const auto& [why, count] : counts.left_out) {
      notes << "left out " << count << ": " << why << "\n";
    }
    if (counts.num_pairs > 0) return;
    throw Error(ErrorKind::kFailed, "no verdict prefers one of two replies", "--source",
                "the source is \"" + command.preferences.source +
                    "\"; let people vote with: rl-arena serve");
  } else {
    throw Error(ErrorKind::kUsage, "unknown format \"" + format + "\"", "--format",
                "arena, fastchat or preferences");
  }
}

void RunRate(const fs::path& file, const LeaderboardOptions& options, bool json,
             std::ostream& out) {
  Arena arena(":memory:");
  ImportFile(arena, file);
  RunLeaderboard(arena, options, json, out);
}

void RunVerify(const fs::path& file, const std::string& known_head, std::ostream& out) {
  const VerifyResult result = VerifyArena(file, known_head);
  for (const std::string& problem : result.problems) out << problem << "\n";
  out << result.num_rows << " rows, head " << result.head << "\n";
  if (!result.problems.empty()) {
    throw Error(ErrorKind::kFailed, "the arena isn't what its log says", file.string(),
                "restore a copy, or export the rows above the first named one");
  }
}

}  // namespace agon::arena
