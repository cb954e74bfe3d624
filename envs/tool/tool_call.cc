#include "envs/tool/tool_call.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/json.h"
#include "envs/math/rational.h"

namespace agon::envs {
namespace {

constexpr size_t kMaxCallBytes = 4000;

std::string_view AfterThinking(std::string_view text) {
  constexpr std::string_view kOpen = "<think>", kClose = "</think>";
  if (const size_t close = text.rfind(kClose); close != std::string_view::npos) {
    text.remove_prefix(close + kClose.size());
  }
  return text.substr(0, text.find(kOpen));
}

std::vector<std::string> RequiredParameters(const Tool& tool) {
  return JsonField<std::vector<std::string>>(ParseJson(tool.parameters, tool.name), "required",
                                             tool.name);
}

// The parameter that a bare text stands for; "" if there is none.
std::string BareParameter(std::span<const Tool> tools) {
  if (tools.size() != 1) return "";
  const Json schema = ParseJson(tools[0].parameters, tools[0].name);
  const auto required = RequiredParameters(tools[0]);
  if (required.size() != 1) return "";
  const Json::json_pointer type("/properties/" + required[0] + "/type");
  return schema.value(type, "") == "string" ? required[0] : "";
}

ToolCall Refused(std::string problem) { return {"", {}, std::move(problem)}; }

ToolCall FromJson(std::string_view text, std::span<const Tool> tools) {
  constexpr std::string_view kWhere = "tool call";
  ToolCall call;
  try {
    const Json json = ParseJson(text, kWhere);
    call.name = JsonField<std::string>(json, "name", kWhere);
    Json arguments = json.value("arguments", Json::object());
    if (arguments.is_string()) arguments = ParseJson(arguments.get<std::string>(), kWhere);
    if (!arguments.is_object()) return Refused("arguments must be an object");
    for (const auto& [key, value] : arguments.items()) {
      call.arguments[key] = value.is_string() ? value.get<std::string>() : value.dump();
    }
  } catch (const Error&) {
    return Refused("not a call in JSON with name and arguments");
  }
  const auto is_called = [&](const Tool& tool) { return tool.name == call.name; };
  const auto tool = std::find_if(tools.begin(), tools.end(), is_called);
  if (tool == tools.end()) return Refused("no such tool");
  for (const std::string& name : RequiredParameters(*tool)) {
    if (!call.arguments.count(name)) return Refused("the argument " + name + " is missing");
  }
  return call;
}

}  // namespace

std::optional<ToolCall> FindToolCall(std::string_view completion, std::span<const Tool> tools) {
  std::string_view text = AfterThinking(completion);
  const size_t open = text.find(kToolCallOpen);
  if (open == std::string_view::npos) return std::nullopt;
  text.remove_prefix(open + kToolCallOpen.size());
  const size_t close = text.find(kToolCallClose);
  if (text.find(kToolCallOpen) != std::string_view::npos) return Refused("one call at a time");
  if (close == std::string_view::npos) return Refused("the call has no end");
  text = TrimSpace(text.substr(0, close));
  if (text.size() > kMaxCallBytes) return Refused("the call is too long");
  if (text.starts_with('{')) return FromJson(text, tools);
  const std::string parameter = BareParameter(tools);
  if (parameter.empty()) return Refused("not a call in JSON with name and arguments");
  return ToolCall{tools[0].name, {{parameter, std::string(text)}}, ""};
}

}  // namespace agon::envs
