#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace agon {
namespace {

[[noreturn]] void ThrowErrno(std::string_view action, const fs::path& path) {
  const int code = errno;
  const auto kind = code == ENOENT ? ErrorKind::kNotFound : ErrorKind::kIo;
  std::string_view hint;
  if (code == ENOSPC || code == EDQUOT) {
    hint = "free some disk space and run again with --resume: nothing already written is lost";
  } else if (code == EACCES || code == EPERM) {
    hint = "check the permissions of this path";
  }
  throw Error(kind, std::string(action) + ": " + std::strerror(code), path.string(), hint);
}

void WriteAll(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      ThrowErrno("cannot write", path);
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void SyncPath(const fs::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) ThrowErrno("cannot open", path);
  const int status = ::fsync(fd);
  const int saved = errno;
  ::close(fd);
  // Some file systems can't fsync a folder; the rename is still atomic there.
  if (status != 0 && saved != EINVAL) {
    errno = saved;
    ThrowErrno("cannot fsync", path);
  }
}

fs::path ParentOf(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

// "runs/a/" names the folder "runs/a": what stands beside it must not land inside.
fs::path WithoutTrailingSlash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

fs::path TemporaryBeside(const fs::path& path) {
  fs::path temporary = WithoutTrailingSlash(path);
  temporary += ".tmp-" + std::to_string(::getpid());
  return temporary;
}

// A folder can't be renamed over a non-empty one. Exchanging the two leaves no moment
// without a folder at `path`; where the file system can't, the old one moves aside.
void MoveDirIntoPlace(const fs::path& temporary, const fs::path& path) {
  std::error_code ignored;
  if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) {
    fs::remove_all(temporary, ignored);
    return;
  }
  const fs::path old = path.string() + ".old";
  if (errno != ENOENT) {
    fs::remove_all(old, ignored);
    if (::rename(path.c_str(), old.c_str()) != 0) ThrowErrno("cannot move aside", path);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) ThrowErrno("cannot rename into place", path);
  fs::remove_all(old, ignored);
}

}  // namespace

std::string ReadFile(const fs::path& path, size_t max_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) ThrowErrno("cannot open", path);
  std::string bytes;
  char buffer[1 << 16];
  while (true) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int saved = errno;
      ::close(fd);
      errno = saved;
      ThrowErrno("cannot read", path);
    }
    if (count == 0) break;
    bytes.append(buffer, static_cast<size_t>(count));
    if (bytes.size() > max_bytes) {
      ::close(fd);
      throw Error(ErrorKind::kCorrupt, "larger than " + std::to_string(max_bytes) + " bytes",
                  path.string());
    }
  }
  ::close(fd);
  return bytes;
}

void WriteFileAtomic(const fs::path& path, std::string_view bytes) {
  const fs::path temporary = TemporaryBeside(path);
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) ThrowErrno("cannot create", temporary);
  try {
    WriteAll(fd, bytes, path);
    if (::fsync(fd) != 0) ThrowErrno("cannot fsync", path);
  } catch (...) {
    ::close(fd);
    ::unlink(temporary.c_str());
    throw;
  }
  ::close(fd);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int saved = errno;
    ::unlink(temporary.c_str());
    errno = saved;
    ThrowErrno("cannot rename into place", path);
  }
  SyncPath(ParentOf(path), O_RDONLY | O_DIRECTORY);
}

void WriteDirAtomic(const fs::path& path, const std::function<void(const fs::path&)>& fill) {
  const fs::path temporary = TemporaryBeside(path);
  std::error_code ignored;
  fs::remove_all(temporary, ignored);
  std::error_code failure;
  fs::create_directories(temporary, failure);
  if (failure) {
    throw Error(ErrorKind::kIo, "cannot create folder: " + failure.message(), temporary.string());
  }
  try {
    fill(temporary);
    for (const auto& entry : fs::recursive_directory_iterator(temporary)) {
      SyncPath(entry.path(), entry.is_directory() ? O_RDONLY | O_DIRECTORY : O_RDONLY);
    }
    SyncPath(temporary, O_RDONLY | O_DIRECTORY);
  } catch (...) {
    fs::remove_all(temporary, ignored);
    throw;
  }
  MoveDirIntoPlace(temporary, WithoutTrailingSlash(path));
  SyncPath(ParentOf(WithoutTrailingSlash(path)), O_RDONLY | O_DIRECTORY);
}

AppendFile::AppendFile(const fs::path& path)
    : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (fd_ < 0) ThrowErrno("cannot open for appending", path_);
}

AppendFile::~AppendFile() { ::close(fd_); }

void AppendFile::Append(std::string_view line) {
  std::string text(line);
  text.push_back('\n');
  WriteAll(fd_, text, path_);
}

void AppendFile::Sync() {
  if (::fsync(fd_) != 0) ThrowErrno("cannot fsync", path_);
}

size_t AppendFile::SizeBytes() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) ThrowErrno("cannot stat", path_);
  return static_cast<size_t>(status.st_size);
}

MappedFile::MappedFile(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) ThrowErrno("cannot open", path);
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    ::close(fd);
    ThrowErrno("cannot stat", path);
  }
  const auto size = static_cast<size_t>(status.st_size);
  if (size > 0) {
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    const int saved = errno;
    ::close(fd);
    errno = saved;
    if (address == MAP_FAILED) ThrowErrno("cannot map", path);
    bytes_ = {static_cast<const std::byte*>(address), size};
  } else {
    ::close(fd);
  }
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

}  // namespace agon
