#include "serve/tool_text.h"

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/json.h"
#include "core/utf8.h"

namespace agon::serve {
namespace {

constexpr std::string_view kOpen = "<tool_call>", kClose = "</tool_call>";

std::string_view Trim(std::string_view text) {
  constexpr const char* kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::optional<CalledTool> ReadCall(std::string_view text, const std::vector<ToolSpec>& tools) {
  text = Trim(text);
  if (!text.starts_with('{')) {
    if (tools.size() != 1 || tools[0].only_param.empty()) return std::nullopt;
    return CalledTool{tools[0].name, Json{{tools[0].only_param, ReplaceBrokenUtf8(text)}}.dump()};
  }
  try {
    const Json json = ParseJson(text, "call");
    const auto name = JsonField<std::string>(json, "name", "call");
    Json arguments = json.value("arguments", Json::object());
    if (arguments.is_string()) arguments = ParseJson(arguments.get<std::string>(), "call");
    if (!arguments.is_object()) return std::nullopt;
    return CalledTool{name, arguments.dump()};
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::string ToolPrompt(const std::vector<ToolSpec>& tools) {
  std::string text =
      "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
      "You are provided with function signatures within <tools></tools> XML tags:\n<tools>";
  for (const ToolSpec& tool : tools) text += "\n" + tool.json;
  return text +
         "\n</tools>\n\nFor each function call, return a json object with function name and "
         "arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n"
         "{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>";
}

std::string ToolCallText(const std::string& name, const std::string& arguments) {
  Json value = arguments;
  try {
    value = ParseJson(arguments, "arguments");
  } catch (const Error&) {
    // The model wrote it, and may see what it wrote.
  }
  const Json call{{"name", name}, {"arguments", value}};
  return "<tool_call>\n" + call.dump() + "\n</tool_call>";
}

std::vector<CalledTool> TakeToolCalls(std::string_view text, const std::vector<ToolSpec>& tools,
                                      std::string* content) {
  std::vector<CalledTool> calls;
  content->clear();
  while (true) {
    const size_t open = text.find(kOpen);
    const size_t close = open == std::string_view::npos ? open : text.find(kClose, open);
    if (close == std::string_view::npos) break;
    const size_t end = close + kClose.size();
    const size_t inside = open + kOpen.size();
    content->append(text.substr(0, open));
    if (const auto call = ReadCall(text.substr(inside, close - inside), tools)) {
      calls.push_back(*call);
    } else {
      content->append(text.substr(open, end - open));
    }
    text.remove_prefix(end);
  }
  content->append(text);
  if (!calls.empty()) *content = std::string(Trim(*content));
  return calls;
}

}  // namespace agon::serve
