// Files that are whole or absent.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace agon {

namespace fs = std::filesystem;

// The whole file. Throws kNotFound, kIo, or kCorrupt if it is larger than `max_bytes`.
std::string ReadFile(const fs::path& path, size_t max_bytes = size_t{1} << 31);

// Writes to "<path>.tmp-<pid>", fsyncs, renames over `path` and fsyncs the folder:
// a reader sees the old bytes or the new ones. Throws kIo with the reason (disk full).
void WriteFileAtomic(const fs::path& path, std::string_view bytes);

// The same for a folder: `fill` writes into a fresh temporary folder beside `path`,
// which is then fsynced and renamed to `path` (replacing an older one). If `fill`
// throws, the temporary folder is removed and `path` is untouched.
void WriteDirAtomic(const fs::path& path, const std::function<void(const fs::path&)>& fill);

// A line-oriented log that survives a kill: each Append is one write(2) of whole lines.
// Not thread-safe.
class AppendFile {
 public:
  // Opens for appending, creating it. Throws kIo.
  explicit AppendFile(const fs::path& path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  void Append(std::string_view line);  // adds the newline
  void Sync();                         // fsync
  size_t SizeBytes() const;

 private:
  fs::path path_;
  int fd_;
};

// Read-only memory map. Throws kNotFound or kIo. An empty file has an empty span.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  MappedFile(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace agon
