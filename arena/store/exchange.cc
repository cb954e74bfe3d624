// The log as JSON lines, out and in.
#include <istream>
#include <ostream>
#include <utility>

#include "arena/store/impl.h"
#include "arena/store/lines.h"
#include "core/error.h"

namespace agon::arena {
namespace {

constexpr const char* kFormat = "agon-arena";
constexpr int64_t kVersion = 1;

void CheckHeader(const Json& header, const std::string& where) {
  if (JsonField<std::string>(header, "format", where) != kFormat) {
    throw Error(ErrorKind::kCorrupt, "not an export of an arena", where);
  }
  const auto version = JsonField<int64_t>(header, "version", where);
  if (version != kVersion) {
    throw Error(ErrorKind::kUnsupported, "format version " + std::to_string(version), where,
                "use the newer build that wrote it");
  }
}

}  // namespace

void ForEachLine(std::istream& in, const std::string& name,
                 const std::function<void(const Json&, const std::string&)>& take) {
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = name + " line " + std::to_string(number);
    if (line.size() > kMaxLineBytes) {
      throw Error(ErrorKind::kCorrupt, "longer than " + std::to_string(kMaxLineBytes) + " bytes",
                  where);
    }
    take(ParseJson(line, where), where);
  }
  if (in.bad()) throw Error(ErrorKind::kIo, "can't be read", name);
}

void Arena::Export(std::ostream& out) {
  const ReadTransaction moment(impl_->database);
  out << Json{{"format", kFormat}, {"version", kVersion}, {"head", Head()}}.dump() << "\n";
  Statement rows =
      impl_->database.Prepare("SELECT seq, at_ms, kind, body, hash FROM log ORDER BY seq");
  while (rows.Step()) {
    // The body goes out as it is, so that it comes back with the same hash.
    out << "{\"seq\":" << rows.Int(0) << ",\"at_ms\":" << rows.Int(1)
        << ",\"kind\":" << Json(rows.Text(2)).dump() << ",\"body\":" << rows.Text(3)
        << ",\"hash\":" << Json(rows.Text(4)).dump() << "}\n";
  }
  if (!out) throw Error(ErrorKind::kIo, "the export can't be written");
}

int64_t Arena::Import(std::istream& in, const std::string& name) {
  LogTransaction log(*impl_);
  const int64_t before = log.num_rows();
  bool has_header = false;
  std::string named_head, head(kFirstHash);
  int64_t last_ms = 0;
  ForEachLine(in, name, [&](const Json& line, const std::string& where) {
    if (!has_header) {
      CheckHeader(line, where);
      named_head = JsonField<std::string>(line, "head", where);
      has_header = true;
      return;
    }
    const auto kind = JsonField<std::string>(line, "kind", where);
    const auto at_ms = JsonField<int64_t>(line, "at_ms", where);
    const Json body = JsonField<Json>(line, "body", where);
    // The export's own chain, whatever arena it comes into.
    head = RowHash(head, at_ms, kind, CanonicalText(body));
    if (head != JsonField<std::string>(line, "hash", where)) {
      throw Error(ErrorKind::kCorrupt, "its content doesn't give its hash: it was edited", where);
    }
    if (at_ms < std::exchange(last_ms, at_ms)) {
      throw Error(ErrorKind::kCorrupt, "it is older than the line above", where);
    }
    if (before == 0 || !impl_->projection.Holds(kind, body, where)) {
      log.Append(kind, body, where, at_ms);
    }
  });
  if (!has_header) throw Error(ErrorKind::kCorrupt, "not an export of an arena", name);
  if (head != named_head) {
    throw Error(ErrorKind::kCorrupt,
                "its last line isn't the head that its first line names: it was cut short", name,
                "export it again");
  }
  const int64_t added = log.num_rows() - before;
  log.Commit();
  return added;
}

}  // namespace agon::arena
