// The report of an ingestion, and the notation of sources, as text.
#include <charconv>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "core/progress.h"
#include "datasets/pipeline.h"

namespace agon::datasets {
namespace {

// "8M" -> 8388608.
int64_t ParseBytes(const std::string& text, const std::string& where) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  const int shift = unit.empty() ? 0 : unit == "k" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : -1;
  if (error != std::errc() || shift < 0 || value < 0 || value > (int64_t{1} << 62 >> shift)) {
    throw Error(ErrorKind::kUsage, "not a number of bytes: \"" + text + "\"", where,
                "write 500k, 8M or 2G");
  }
  return value << shift;
}

void AppendCell(std::string text, size_t width, bool is_left, std::string& out) {
  const std::string blanks(width > text.size() ? width - text.size() : 0, ' ');
  out += is_left ? text + blanks : blanks + text;
}

void AppendRow(const std::string& name, const SourceCounts& counts, int64_t num_dropped,
               std::string& out) {
  AppendCell(name, 16, true, out);
  AppendCell(std::to_string(counts.files), 8, false, out);
  AppendCell(std::to_string(counts.documents), 12, false, out);
  AppendCell(FormatBytes(counts.bytes), 12, false, out);
  AppendCell(std::to_string(counts.tokens), 12, false, out);
  AppendCell(std::to_string(num_dropped), 10, false, out);
  out += '\n';
}

}  // namespace

SourceSpec ParseSourceSpec(const std::string& text) {
  const auto refuse = [&](const char* what) {
    return Error(ErrorKind::kUsage, what, text, "write NAME=KIND:PATH, e.g. books=text:/srv/books");
  };
  const size_t equals = text.find('=');
  if (equals == text.npos || equals == 0) throw refuse("a source has no name");
  const size_t colon = text.find(':', equals);
  if (colon == text.npos) throw refuse("a source has no kind");
  SourceSpec spec;
  spec.name = text.substr(0, equals);
  spec.kind = text.substr(equals + 1, colon - equals - 1);
  spec.path = text.substr(colon + 1);
  // Options stand at the end, so a path may hold a comma that starts none.
  for (;;) {
    const size_t comma = spec.path.rfind(',');
    if (comma == spec.path.npos) break;
    const std::string option = spec.path.substr(comma + 1);
    if (option.starts_with("max=")) {
      spec.max_bytes = ParseBytes(option.substr(4), text);
    } else if (option.starts_with("field=")) {
      spec.json_field = option.substr(6);
    } else {
      break;
    }
    spec.path.resize(comma);
  }
  if (spec.path.empty()) throw refuse("a source has no path");
  return spec;
}

std::string RenderReport(const IngestReport& report) {
  std::string out;
  AppendCell("source", 16, true, out);
  for (const auto& [title, width] :
       {std::pair{"files", 8}, std::pair{"documents", 12}, std::pair{"text", 12},
        std::pair{"tokens", 12}, std::pair{"dropped", 10}}) {
    AppendCell(title, static_cast<size_t>(width), false, out);
  }
  out += '\n';
  SourceCounts all;
  int64_t all_dropped = 0;
  std::string reasons;
  for (const auto& [name, counts] : report.sources) {
    int64_t num_dropped = 0;
    for (const auto& [reason, count] : counts.dropped) {
      num_dropped += count;
      reasons += "  " + name + ": " + std::to_string(count) + " " + reason + "\n";
    }
    AppendRow(name, counts, num_dropped, out);
    all.files += counts.files;
    all.documents += counts.documents;
    all.bytes += counts.bytes;
    all.tokens += counts.tokens;
    all_dropped += num_dropped;
  }
  AppendRow("all", all, all_dropped, out);
  if (!reasons.empty()) out += "dropped:\n" + reasons;
  for (const std::string& note : report.notes) out += "note: " + note + "\n";
  return out;
}

std::string ReportJson(const IngestReport& report) {
  Json json;
  json["sources"] = Json::object();
  for (const auto& [name, counts] : report.sources) {
    Json& source = json["sources"][name];
    source["files"] = counts.files;
    source["documents"] = counts.documents;
    source["bytes"] = counts.bytes;
    source["tokens"] = counts.tokens;
    source["dropped"] = counts.dropped;
  }
  json["notes"] = report.notes;
  return DumpJson(json, 2) + "\n";
}

}  // namespace agon::datasets
