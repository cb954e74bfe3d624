#include "envs/catalog.h"

#include <algorithm>
#include <istream>
#include <ostream>
#include <vector>

#include "core/json.h"
#include "envs/number_text.h"
#include "envs/playthrough.h"
#include "envs/plugin/wire.h"

namespace agon::envs {
namespace {

std::string Joined(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) {
    if (!joined.empty()) joined += ", ";
    joined += name;
  }
  return joined;
}

Json ToJson(const ConformanceFinding& finding) {
  return {{"check", finding.check}, {"problem", finding.problem}, {"task", finding.task}};
}

// Lines up to an empty one or the end of `in`.
std::string ReadCompletion(std::istream& in) {
  std::string completion;
  for (std::string line; std::getline(in, line) && !line.empty();) {
    completion.append(line).append("\n");
  }
  return completion;
}

void Show(const Messages& messages, std::ostream& out) {
  for (const Message& message : messages) {
    out << RoleName(message.role) << ": " << message.content << "\n";
  }
}

}  // namespace

std::string RenderCatalog() {
  size_t width = 0;
  for (const std::string& id : ListEnvs()) width = std::max(width, id.size());
  std::string text;
  for (const std::string& id : ListEnvs()) {
    const auto env = MakeEnv(id);
    text.append(id).append(width + 2 - id.size(), ' ').append(env->info().summary);
    if (!env->info().needs.empty()) text.append(" (needs ").append(env->info().needs).append(")");
    text += '\n';
  }
  return text;
}

std::string CatalogJson() {
  Json catalog = Json::array();
  for (const std::string& id : ListEnvs()) catalog.push_back(ToJson(MakeEnv(id)->info()));
  return catalog.dump(2) + "\n";
}

std::string RenderInfo(const EnvInfo& info) {
  std::string text = info.id;
  text.append("\n").append(info.summary);
  text.append("\nfamilies: ").append(Joined(info.families));
  text.append("\ndifficulties: 0..").append(std::to_string(info.num_difficulties - 1));
  for (const Attribute& attribute : info.attributes) {
    text.append("\n").append(attribute.name).append(": 0..");
    text.append(std::to_string(attribute.levels.size() - 1));
    text.append(" (").append(Joined(attribute.levels)).append(")");
  }
  for (const Tool& tool : info.tools) {
    text.append("\ntool ").append(tool.name).append(": ").append(tool.description);
  }
  if (info.num_seats > 1) text.append("\nnum_seats: ").append(std::to_string(info.num_seats));
  if (info.num_tasks > 0) text.append("\nnum_tasks: ").append(std::to_string(info.num_tasks));
  if (!info.needs.empty()) text.append("\nneeds: ").append(info.needs);
  text.append("\nmax_turns: ").append(std::to_string(info.max_turns));
  text.append("\nmax_reward: ").append(NumberText(info.max_reward)).append("\n");
  return text;
}

std::string DescribeEnv(const Env& env) {
  std::string text = RenderInfo(env.info());
  if (!env.info().needs.empty()) return text;  // no tasks without it
  std::vector<std::string> examples(static_cast<size_t>(env.info().num_difficulties));
  for (uint64_t index = 0; index < 100; ++index) {
    const Task task = env.Get(Split::kTrain, /*seed=*/0, index);
    auto& example = examples.at(static_cast<size_t>(task.difficulty));
    if (example.empty()) example = RenderTask(env, task);
  }
  for (const std::string& example : examples) {
    if (!example.empty()) text.append("\n").append(example);
  }
  return text;
}

std::string InfoJson(const EnvInfo& info) { return ToJson(info).dump(2) + "\n"; }

bool CheckEnvs(std::span<const std::string> specs, const ConformanceOptions& options, bool as_json,
               std::ostream& out) {
  const std::vector<std::string> all = specs.empty() ? ListEnvs() : std::vector<std::string>();
  Json report = Json::array();
  bool is_ok = true;
  for (const std::string& spec : specs.empty() ? std::span<const std::string>(all) : specs) {
    const auto env = MakeEnv(spec);
    if (specs.empty() && !env->info().needs.empty()) {
      if (!as_json) out << "skipped " << spec << ", which needs " << env->info().needs << "\n";
      continue;
    }
    const auto findings = CheckConformance(*env, options);
    is_ok &= findings.empty();
    Json found = Json::array();
    for (const ConformanceFinding& finding : findings) found.push_back(ToJson(finding));
    report.push_back({{"env", spec}, {"ok", findings.empty()}, {"findings", found}});
    if (as_json) continue;
    out << (findings.empty() ? "ok      " : "FAILED  ") << spec << "\n";
    for (const ConformanceFinding& finding : findings) out << "  " << Describe(finding) << "\n";
    out.flush();
  }
  if (as_json) out << DumpJson(report, 2) << "\n";
  return is_ok;
}

Outcome Play(const Env& env, const Task& task, bool shows_gold, std::istream& in,
             std::ostream& out) {
  const auto episode = env.Start(task);
  Messages messages = task.messages;
  for (;;) {
    Show(messages, out);
    out << "(your answer, then an empty line)\n";
    out.flush();
    StepResult result = episode->Step(ReadCompletion(in), /*truncated=*/false);
    if (auto* turn = std::get_if<Turn>(&result)) {
      messages = std::move(turn->messages);
      continue;
    }
    out << RenderOutcome(std::get<Outcome>(result)) << "\n";
    if (shows_gold) out << "\n" << RenderTask(env, task);
    return std::get<Outcome>(std::move(result));
  }
}

}  // namespace agon::envs
