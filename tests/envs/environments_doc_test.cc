// The table of docs/environments.md is what the environments say of themselves.
// Run with AGON_UPDATE_GOLDEN=1 to write it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "core/file.h"
#include "envs/env.h"
#include "tests/paths.h"

namespace agon::envs {
namespace {

constexpr std::string_view kBegin = "<!-- table: begin -->\n", kEnd = "<!-- table: end -->\n";

std::string RowOf(const EnvInfo& info) {
  std::string families;
  for (const std::string& family : info.families) {
    families += (families.empty() ? "" : ", ") + family;
  }
  std::string dials = "difficulty 0-" + std::to_string(info.num_difficulties - 1);
  if (info.num_difficulties == 1) dials = "";
  for (const Attribute& attribute : info.attributes) {
    dials += (dials.empty() ? "" : "; ") + attribute.name + " 0-" +
             std::to_string(attribute.levels.size() - 1) + " (";
    for (const std::string& level : attribute.levels) {
      dials += (&level == attribute.levels.data() ? "" : ", ") + level;
    }
    dials += ")";
  }
  const std::string turns = info.max_turns == 1 ? "1" : "up to " + std::to_string(info.max_turns);
  const std::string needs = info.needs.empty() ? "" : " (needs `" + info.needs + "`)";
  return "| `" + info.id + "` | " + info.summary + needs + " | " + families + " | " + dials +
         " | " + turns + " |\n";
}

std::string Table() {
  std::string table =
      "| Environment | What it asks | Families | Dials | Turns |\n|---|---|---|---|---|\n";
  for (const std::string& id : ListEnvs()) {
    if (!id.starts_with("zz_test/")) table += RowOf(MakeEnv(id)->info());
  }
  return table;
}

TEST(EnvironmentsDocTest, TableListsEveryEnvironment) {
  const fs::path path = fs::path(kSourceDir) / "docs" / "environments.md";
  const std::string text = ReadFile(path);
  const size_t begin = text.find(kBegin), end = text.find(kEnd);
  ASSERT_TRUE(begin != std::string::npos && end != std::string::npos && begin < end);
  const size_t start = begin + kBegin.size();
  if (std::getenv("AGON_UPDATE_GOLDEN") != nullptr) {
    WriteFileAtomic(path, text.substr(0, start) + Table() + text.substr(end));
    GTEST_SKIP() << "wrote " << path;
  }
  EXPECT_EQ(text.substr(start, end - start), Table())
      << "run envs_test with AGON_UPDATE_GOLDEN=1 to write the table";
}

}  // namespace
}  // namespace agon::envs
