#include "trainer/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace agon::trainer {
namespace {

constexpr char kCheckpoints[] = "checkpoints";
constexpr char kState[] = "trainer_state/state.json";
constexpr char kOptimizer[] = "trainer_state/optimizer.safetensors";
constexpr char kValue[] = "trainer_state/value";
constexpr char kValueOptimizer[] = "trainer_state/value_optimizer.safetensors";
constexpr size_t kKeptOfRunningStage = 2;

// What decides the bits of a step.
std::string ComputeName(const policy::Policy& policy) {
  return policy::ArithmeticName(policy.compute(), policy.device());
}

// Names that core/file.h gives to what isn't in place yet, or not any more.
bool IsTorn(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.find(".tmp-") != std::string::npos || name.ends_with(".old");
}

Json MomentsJson(const std::vector<Moments>& moments) {
  Json json = Json::array();
  for (const Moments& m : moments) json.push_back({m.count, m.mean, m.squares});
  return json;
}

Json RlStateJson(const RlState& state) {
  Json course = Json::array();
  for (const ObservedGold& point : state.course.points) {
    course.push_back({point.step, point.distance, point.gold});
  }
  Json start;
  if (state.course.start) start = {state.course.start->gold, state.course.start->proxy};
  return {{"curriculum", {{"level", state.curriculum.level}, {"recent", state.curriculum.recent}}},
          {"initial_scale", MomentsJson(state.scales.initial)},
          {"running_scale", MomentsJson(state.scales.running)},
          {"kl_coef", state.kl_coef ? Json(*state.kl_coef) : Json()},
          {"course", course},
          {"kept", state.course.kept},
          {"start", start},
          {"slope", state.course.slope},
          {"stopped", state.stopped}};
}

// Rows of `width` numbers.
std::vector<std::vector<double>> ReadRows(const Json& json, const char* key, size_t width,
                                          const std::string& where) {
  auto rows = JsonField<std::vector<std::vector<double>>>(json, key, where);
  for (const auto& row : rows) {
    if (row.size() != width) throw Error(ErrorKind::kCorrupt, "a row isn't complete", where, key);
  }
  return rows;
}

std::vector<Moments> ReadMoments(const Json& json, const char* key, const std::string& where) {
  std::vector<Moments> moments;
  for (const auto& row : ReadRows(json, key, 3, where)) moments.push_back({row[0], row[1], row[2]});
  return moments;
}

RlState ReadRlState(const Json& json, const std::string& where) {
  RlState state;
  const Json curriculum = JsonField<Json>(json, "curriculum", where);
  state.curriculum.level = JsonField<int>(curriculum, "level", where);
  state.curriculum.recent = JsonField<std::vector<double>>(curriculum, "recent", where);
  state.scales.initial = ReadMoments(json, "initial_scale", where);
  state.scales.running = ReadMoments(json, "running_scale", where);
  if (!JsonField<Json>(json, "kl_coef", where).is_null()) {
    state.kl_coef = JsonField<float>(json, "kl_coef", where);
  }
  for (const auto& row : ReadRows(json, "course", 3, where)) {
    state.course.points.push_back({static_cast<int>(row[0]), row[1], row[2]});
  }
  state.course.kept = JsonField<std::vector<int>>(json, "kept", where);
  if (!JsonField<Json>(json, "start", where).is_null()) {
    const auto start = JsonField<std::vector<double>>(json, "start", where);
    if (start.size() != 2) throw Error(ErrorKind::kCorrupt, "isn't two numbers", where, "start");
    state.course.start = {start[0], start[1]};
  }
  state.course.slope = JsonField<double>(json, "slope", where);
  state.stopped = JsonField<bool>(json, "stopped", where);
  return state;
}

Checkpoint ReadCheckpoint(const fs::path& dir) {
  const std::string where = (dir / kState).string();
  const Json json = ReadJson(where);
  Checkpoint checkpoint;
  checkpoint.dir = dir;
  TrainerState& state = checkpoint.state;
  state.stage = JsonField<std::string>(json, "stage", where);
  state.step = JsonField<int>(json, "step", where);
  state.done = JsonField<bool>(json, "done", where);
  state.seed = JsonField<uint64_t>(json, "seed", where);
  state.finished_stages = JsonField<std::vector<std::string>>(json, "finished_stages", where);
  state.recipe_hash = JsonField<std::string>(json, "recipe_hash", where);
  state.rl = ReadRlState(JsonField<Json>(json, "rl", where), where);
  checkpoint.compute = JsonField<std::string>(json, "compute", where);
  return checkpoint;
}

std::string StateJson(const TrainerState& state, const policy::Policy& policy) {
  const Json json = {{"format", 1},
                     {"stage", state.stage},
                     {"step", state.step},
                     {"done", state.done},
                     {"seed", state.seed},
                     {"finished_stages", state.finished_stages},
                     {"recipe_hash", state.recipe_hash},
                     {"rl", RlStateJson(state.rl)},
                     {"compute", ComputeName(policy)}};
  return json.dump(2) + "\n";
}

// All of a run, the furthest last.
std::vector<Checkpoint> ListCheckpoints(const fs::path& run_dir) {
  std::vector<Checkpoint> found;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(run_dir / kCheckpoints, absent)) {
    if (IsTorn(entry.path()) || !fs::exists(entry.path() / kState)) continue;
    found.push_back(ReadCheckpoint(entry.path()));
  }
  std::sort(found.begin(), found.end(), [](const Checkpoint& a, const Checkpoint& b) {
    return std::pair(a.state.finished_stages.size(), a.state.step) <
           std::pair(b.state.finished_stages.size(), b.state.step);
  });
  return found;
}

bool Stays(int step, const GoldCourse& course, int keep_every) {
  return (keep_every > 0 && step % keep_every == 0) ||
         std::find(course.kept.begin(), course.kept.end(), step) != course.kept.end();
}

// A checkpoint that stays for its model alone loses what only training needs.
void DeleteOlder(const fs::path& run_dir, const std::string& running_stage, int keep_every,
                 const GoldCourse& course) {
  const std::vector<Checkpoint> all = ListCheckpoints(run_dir);
  for (auto it = all.begin(); it != all.end(); ++it) {
    const std::string& stage = it->state.stage;
    const auto later = static_cast<size_t>(std::count_if(
        it + 1, all.end(), [&](const Checkpoint& c) { return c.state.stage == stage; }));
    std::error_code ignored;
    if (later < (stage == running_stage ? kKeptOfRunningStage : 1)) continue;
    const bool stays = stage == running_stage && Stays(it->state.step, course, keep_every);
    fs::remove_all(stays ? (it->dir / kState).parent_path() : it->dir, ignored);
  }
}

}  // namespace

fs::path CheckpointDir(const fs::path& run_dir, std::string_view stage, int step) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "-%06d", step);
  return run_dir / kCheckpoints / (std::string(stage) + digits);
}

void SaveCheckpoint(const fs::path& run_dir, const TrainerState& state,
                    const policy::Policy& policy, const datasets::ChatTemplate& chat,
                    const policy::Policy* value, int keep_every) {
  WriteDirAtomic(CheckpointDir(run_dir, state.stage, state.step), [&](const fs::path& dir) {
    policy.Save(dir);
    chat.Save(dir, /*is_base_model=*/state.stage == "pretrain");
    fs::create_directory(dir / fs::path(kState).parent_path());
    policy.SaveOptimizer(dir / kOptimizer);
    if (value) {
      fs::create_directory(dir / kValue);
      value->Save(dir / kValue);
      value->SaveOptimizer(dir / kValueOptimizer);
    }
    WriteFileAtomic(dir / kState, StateJson(state, policy));
  });
  DeleteOlder(run_dir, state.stage, keep_every, state.rl.course);
}

void HelpSaveCheckpoint(const policy::Policy& policy, const policy::Policy* value) {
  policy.SaveOptimizer({});
  if (value) value->SaveOptimizer({});
}

void KeepModel(const fs::path& run_dir, int step, const GoldCourse& course, int keep_every,
               const policy::Policy& policy, const datasets::ChatTemplate& chat) {
  const fs::path kept = CheckpointDir(run_dir, "rl", step);
  if (!fs::exists(kept)) {
    WriteDirAtomic(kept, [&](const fs::path& dir) {
      policy.Save(dir);
      chat.Save(dir);
    });
  }
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(run_dir / kCheckpoints, ignored)) {
    int of_step = 0;
    const std::string name = entry.path().filename().string();
    if (IsTorn(entry.path()) || fs::exists(entry.path() / kState)) continue;
    if (std::sscanf(name.c_str(), "rl-%d", &of_step) != 1) continue;
    if (!Stays(of_step, course, keep_every)) fs::remove_all(entry.path(), ignored);
  }
}

void LoadWeights(const fs::path& model_dir, policy::Policy& policy) {
  const auto from = policy::Policy::Load(model_dir, policy::ComputeType::kFloat32);
  for (const std::string& name : policy.TensorNames()) {
    const auto source = from->Weight(name), target = policy.Weight(name);
    if (source.size() != target.size()) {
      throw Error(ErrorKind::kCorrupt, "has another shape in " + name, model_dir.string());
    }
    std::copy(source.begin(), source.end(), target.begin());
  }
  policy.WeightsChanged();
}

std::optional<Checkpoint> FindLastCheckpoint(const fs::path& run_dir, std::string_view stage) {
  std::vector<Checkpoint> all = ListCheckpoints(run_dir);
  if (!stage.empty()) {
    std::erase_if(all, [&](const Checkpoint& c) { return c.state.stage != stage; });
  }
  return all.empty() ? std::nullopt : std::optional(std::move(all.back()));
}

std::unique_ptr<policy::Policy> LoadCheckpoint(const Checkpoint& checkpoint,
                                               policy::ComputeType compute,
                                               const policy::OptimizerConfig& optimizer,
                                               const policy::Device& device, policy::Head head,
                                               policy::Communicator* ranks,
                                               const std::optional<policy::Workload>& workload) {
  auto policy = policy::Policy::Load(checkpoint.dir, compute, device, head, workload);
  if (checkpoint.compute != ComputeName(*policy)) {
    throw Error(
        ErrorKind::kUsage,
        "trained in " + checkpoint.compute + ", but would go on in " + ComputeName(*policy) +
            ": the result would be that of neither",
        checkpoint.dir.string(),
        "go on where it began (run.device, run.compute; on a GPU with the CUDA libraries that "
        "it began with), or start anew");
  }
  if (ranks) policy->Join(*ranks);
  policy->ConfigureOptimizer(optimizer);
  policy->LoadOptimizer(checkpoint.dir / kOptimizer);
  return policy;
}

std::unique_ptr<policy::Policy> LoadValueModel(const Checkpoint& checkpoint,
                                               policy::ComputeType compute,
                                               const policy::OptimizerConfig& optimizer,
                                               const policy::Device& device,
                                               policy::Communicator* ranks,
                                               const std::optional<policy::Workload>& workload) {
  auto value = policy::Policy::Load(checkpoint.dir / kValue, compute, device, policy::Head::kScore,
                                    workload);
  if (ranks) value->Join(*ranks);
  value->ConfigureOptimizer(optimizer);
  value->LoadOptimizer(checkpoint.dir / kValueOptimizer);
  return value;
}

void RemoveTornWrites(const fs::path& run_dir) {
  std::vector<fs::path> torn;
  std::error_code absent;
  for (const auto& entry : fs::recursive_directory_iterator(run_dir, absent)) {
    if (IsTorn(entry.path())) torn.push_back(entry.path());
  }
  std::error_code ignored;
  for (const fs::path& path : torn) fs::remove_all(path, ignored);
}

}  // namespace agon::trainer
