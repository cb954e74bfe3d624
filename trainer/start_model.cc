#include "trainer/start_model.h"

#include <string>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "serve/model_directory.h"

namespace agon::trainer {

void HoldToStartModel(const std::filesystem::path& run_dir, const std::filesystem::path& model,
                      policy::Communicator& ranks) {
  const std::string hash = serve::HashModelDirectory(model);
  const std::vector<std::string> hashes = ranks.AllGather(hash);
  for (size_t r = 0; r < hashes.size(); ++r) {
    if (hashes[r] == hashes[0]) continue;
    throw Error(ErrorKind::kUsage,
                "rank " + std::to_string(r) + " reads another model there than rank 0",
                model.string(), "let all ranks read the same files");
  }
  bool has_changed = false;
  const std::filesystem::path file = run_dir / "start.json";
  if (ranks.is_leader() && std::filesystem::exists(file)) {
    const Json start = ReadJson(file.string());
    has_changed = JsonField<std::string>(start, "hash", file.string()) != hash;
  } else if (ranks.is_leader()) {
    WriteFileAtomic(file, Json{{"model", model.string()}, {"hash", hash}}.dump(
                              2, ' ', false, Json::error_handler_t::replace) +
                              "\n");
  }
  if (!ranks.Any(has_changed)) return;
  throw Error(
      ErrorKind::kUsage,
      "isn't the model that this run began with: it has changed, or model.from names another",
      model.string(), "bring it back, or start anew with another --out");
}

}  // namespace agon::trainer
