// A recipe is read, or refused by name; what it was read as is read back the same.
#include <string>
#include <vector>

#include "core/config.h"
#include "tests/fuzz/fuzz.h"

namespace agon {
namespace {

struct Values {
  int steps = 10;
  uint64_t seed = 1;
  float learning_rate = 0.5f;
  bool resume = false;
  std::string name = "x";
  std::vector<std::string> files;
};

void Bind(Values& values, ConfigTable& table) {
  table.Add("rl.steps", &values.steps, 1, 1000, "steps", "Steps");
  table.Add("rl.lr", &values.learning_rate, 0.0, 1.0, "", "Learning rate");
  table.Add("run.seed", &values.seed, "", "Seed");
  table.Add("run.resume", &values.resume, "Resume");
  table.Add("run.name", &values.name, "Name");
  table.Add("data.files", &values.files, "Files");
}

}  // namespace

void FuzzOne(std::string_view bytes) {
  Values values, again;
  ConfigTable table, table_again;
  Bind(values, table);
  Bind(again, table_again);
  ExpectOnly({ErrorKind::kUsage}, [&] { table.Set(bytes); });
  ExpectOnly({ErrorKind::kUsage, ErrorKind::kCorrupt}, [&] { table.ReadToml(bytes, "fuzz"); });
  AGON_CHECK(values.steps >= 1 && values.steps <= 1000);
  AGON_CHECK(values.learning_rate >= 0 && values.learning_rate <= 1);
  table_again.ReadToml(table.ToToml(), "again");
  AGON_CHECK(table_again.ToToml() == table.ToToml());
  AGON_CHECK(again.name == values.name && again.files == values.files);
}

}  // namespace agon
