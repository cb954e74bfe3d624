#include "judge/model/verdict_cache.h"

#include <atomic>
#include <mutex>

#include "core/database.h"
#include "core/digest.h"

namespace agon::judge {
namespace {

constexpr int32_t kApplicationId = 0x61676a63;  // "agjc"
constexpr const char* kMigrations[] = {
    "CREATE TABLE answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID, STRICT"};

// An answer that a power cut takes along is asked for again.
DatabaseOptions CacheOptions() {
  DatabaseOptions options;
  options.sync = DatabaseOptions::Sync::kNormal;
  return options;
}

}  // namespace

struct VerdictCache::State {
  explicit State(const std::filesystem::path& file) : database(file, CacheOptions()) {
    database.Migrate(kApplicationId, kMigrations);
    find.emplace(database.Prepare("SELECT answer FROM answers WHERE key = ?"));
    insert.emplace(
        database.Prepare("INSERT INTO answers(key, answer) VALUES (?, ?) ON CONFLICT DO NOTHING"));
  }
  std::mutex mutex;
  Database database;
  std::optional<Statement> find, insert;  // after the database: they go first
  std::atomic<int64_t> num_hits{0}, num_misses{0};
};

VerdictCache::VerdictCache(const std::filesystem::path& file)
    : state_(std::make_unique<State>(file)) {}
VerdictCache::~VerdictCache() = default;

std::optional<std::string> VerdictCache::Find(const std::string& key) {
  const std::string digest = Sha256(key);
  const std::lock_guard lock(state_->mutex);
  std::optional<std::string> answer;
  if (state_->find->Bind(digest).Step()) answer = std::string(state_->find->Text(0));
  while (answer && state_->find->Step()) {  // to the end: an open read keeps the log from shrinking
  }
  ++(answer ? state_->num_hits : state_->num_misses);
  return answer;
}

void VerdictCache::Insert(const std::string& key, const std::string& answer) {
  const std::string digest = Sha256(key);
  const std::lock_guard lock(state_->mutex);
  state_->insert->Bind(digest, answer).Run();
}

int64_t VerdictCache::num_hits() const { return state_->num_hits; }
int64_t VerdictCache::num_misses() const { return state_->num_misses; }

}  // namespace agon::judge
