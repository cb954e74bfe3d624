#include "trainer/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "core/error.h"
#include "core/file.h"
#include "trainer/checkpoint.h"

namespace agon::trainer {
namespace {

void RefuseChangedRecipe(const fs::path& file, const Recipe& recipe) {
  std::string keys;
  for (const std::string& key : ChangedKeys(recipe, ReadFile(file))) {
    keys += (keys.empty() ? "" : ", ") + key;
  }
  if (keys.empty()) return;
  throw Error(ErrorKind::kUsage, "the recipe isn't the one that this run began with: " + keys,
              file.string(), "set these keys as they were, or start anew with another --out");
}

}  // namespace

RunDirectory::RunDirectory(const fs::path& dir, const Recipe& recipe, bool resume) : dir_(dir) {
  std::error_code failure;
  fs::create_directories(dir, failure);
  if (failure) {
    throw Error(ErrorKind::kIo, "cannot create the run directory: " + failure.message(),
                dir.string());
  }
  if (!resume && !fs::is_empty(dir)) {
    throw Error(ErrorKind::kUsage, "the run directory isn't empty", dir.string(),
                "add --resume to go on with it, or choose another --out");
  }
  Lock();
  const fs::path file = dir / "recipe.toml";
  if (resume) {
    RemoveTornWrites(dir);
    if (fs::exists(file)) RefuseChangedRecipe(file, recipe);
  }
  WriteFileAtomic(file, RecipeToml(recipe));
}

RunDirectory::~RunDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

void RunDirectory::Lock() {
  lock_ = ::open(dir_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // Where the file system has no locks, the run goes on without.
  if (lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(lock_);
    throw Error(ErrorKind::kUsage, "another process is running in this directory", dir_.string(),
                "wait for it, stop it, or choose another --out");
  }
}

}  // namespace agon::trainer
