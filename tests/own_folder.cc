// Temporary files of a test process lie in a folder of its own: ctest runs tests side by side, each
// in its process, and those of one fixture write the same names.
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace agon {
namespace {

class OwnFolder {
 public:
  OwnFolder() {
    const char* const given = std::getenv("TEST_TMPDIR");
    std::string path =
        (std::filesystem::path(given && *given ? given : "/tmp") / "test-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) return;  // they share what there is
    path_ = path;
    ::setenv("TEST_TMPDIR", (path + "/").c_str(), 1);
  }
  ~OwnFolder() {
    if (path_.empty() || ::getpid() != owner_) return;
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

 private:
  std::string path_;
  const pid_t owner_ = ::getpid();
};
const OwnFolder folder;

}  // namespace
}  // namespace agon
