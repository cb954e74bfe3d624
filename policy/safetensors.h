// The safetensors format: named tensors in one file. Private to policy.
// Source: huggingface/safetensors, README "Format".
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"

namespace agon::policy {

struct NamedTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::function<void(std::span<float>)> fill;  // writes all elements
};

// Writes F32 tensors, which are filled one after another; the file is whole or absent. Throws kIo.
void WriteSafetensors(const std::filesystem::path& file, const std::vector<NamedTensor>& tensors,
                      const std::map<std::string, std::string>& metadata);

// A mapped file, validated on opening: header bounds, types, shapes against sizes, no
// overlap, nothing outside the file. Throws kNotFound or kCorrupt.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& file);

  bool Has(std::string_view name) const;
  std::vector<std::string> Names() const;
  // Elements from number `first` into `out`, converted from F32, BF16 or F16. Throws kCorrupt if
  // the tensor is missing or its shape differs, kUnsupported for another type; each names the
  // tensor. REQUIRES: `shape` has that many.
  void Read(std::string_view name, const std::vector<int64_t>& shape, std::span<float> out,
            size_t first = 0) const;
  // "" if absent.
  std::string Metadata(const std::string& key) const;

 private:
  struct Entry {
    std::string dtype;
    std::vector<int64_t> shape;
    uint64_t begin, end;  // bytes after the header
  };
  void ParseHeader(std::string_view header, uint64_t data_bytes);

  std::string path_;
  MappedFile file_;
  std::span<const std::byte> data_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace agon::policy
