#include "policy/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/error.h"
#include "core/json.h"

namespace agon::policy {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;

float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -value : value;
  }
  const uint32_t bits =
      exponent == 31 ? 0x7f800000 | mantissa << 13 : (exponent + 112) << 23 | mantissa << 13;
  return std::bit_cast<float>(sign | bits);
}

uint64_t ElementBytes(std::string_view dtype) {
  if (dtype == "F32") return 4;
  if (dtype == "BF16" || dtype == "F16") return 2;
  return 0;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace

void WriteSafetensors(const std::filesystem::path& file, const std::vector<NamedTensor>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  Json header;
  header["__metadata__"]["format"] = "pt";
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  uint64_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    uint64_t bytes = sizeof(float);
    for (const int64_t extent : tensor.shape) bytes *= static_cast<uint64_t>(extent);
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string bytes(8, '\0');
  const uint64_t length = text.size();
  std::memcpy(bytes.data(), &length, 8);
  bytes.reserve(8 + text.size() + offset);
  bytes += text;
  bytes.resize(bytes.size() + offset);
  auto* next = reinterpret_cast<float*>(bytes.data() + 8 + text.size());
  for (const NamedTensor& tensor : tensors) {
    size_t count = 1;
    for (const int64_t extent : tensor.shape) count *= static_cast<size_t>(extent);
    tensor.fill({next, count});
    next += count;
  }
  WriteFileAtomic(file, bytes);
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& file)
    : path_(file.string()), file_(file) {
  const auto bytes = file_.bytes();
  uint64_t header_bytes = 0;
  if (bytes.size() < 8) {
    throw Error(ErrorKind::kCorrupt, "too short for a safetensors file", path_);
  }
  std::memcpy(&header_bytes, bytes.data(), 8);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - 8) {
    throw Error(ErrorKind::kCorrupt,
                "header of " + std::to_string(header_bytes) + " bytes doesn't fit a file of " +
                    std::to_string(bytes.size()),
                path_, "the file is truncated or not safetensors: copy it again");
  }
  data_ = bytes.subspan(8 + header_bytes);
  ParseHeader({reinterpret_cast<const char*>(bytes.data()) + 8, header_bytes}, data_.size());
}

void SafetensorsFile::ParseHeader(std::string_view text, uint64_t data_bytes) {
  const Json header = ParseJson(text, path_);
  if (!header.is_object()) throw Error(ErrorKind::kCorrupt, "header is not an object", path_);
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const auto& [name, value] : header.items()) {
    const std::string where = path_ + ", tensor " + name;
    if (name == "__metadata__") {
      for (const auto& [key, item] : value.items()) {
        if (item.is_string()) metadata_[key] = item.get<std::string>();
      }
      continue;
    }
    Entry entry;
    entry.dtype = JsonField<std::string>(value, "dtype", where);
    entry.shape = JsonField<std::vector<int64_t>>(value, "shape", where);
    const auto offsets = JsonField<std::vector<uint64_t>>(value, "data_offsets", where);
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data_bytes) {
      throw Error(ErrorKind::kCorrupt, "data lies outside the file", where,
                  "the file is truncated: copy it again");
    }
    entry.begin = offsets[0], entry.end = offsets[1];
    uint64_t elements = 1;
    for (int64_t extent : entry.shape) {
      if (extent < 0 ||
          (extent > 0 && elements > (uint64_t{1} << 40) / static_cast<uint64_t>(extent))) {
        throw Error(ErrorKind::kCorrupt, "impossible shape " + ShapeText(entry.shape), where);
      }
      elements *= static_cast<uint64_t>(extent);
    }
    const uint64_t element_bytes = ElementBytes(entry.dtype);
    if (element_bytes > 0 && elements * element_bytes != entry.end - entry.begin) {
      throw Error(ErrorKind::kCorrupt,
                  "shape " + ShapeText(entry.shape) + " doesn't match its bytes", where);
    }
    ranges.emplace_back(entry.begin, entry.end);
    entries_[name] = std::move(entry);
  }
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first < ranges[i - 1].second) {
      throw Error(ErrorKind::kCorrupt, "tensors overlap", path_);
    }
  }
}

bool SafetensorsFile::Has(std::string_view name) const {
  return entries_.find(name) != entries_.end();
}

std::vector<std::string> SafetensorsFile::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

void SafetensorsFile::Read(std::string_view name, const std::vector<int64_t>& shape,
                           std::span<float> out, size_t first) const {
  const auto it = entries_.find(name);
  if (it == entries_.end()) {
    throw Error(ErrorKind::kCorrupt, "tensor " + std::string(name) + " is missing", path_);
  }
  const Entry& entry = it->second;
  if (entry.shape != shape) {
    throw Error(ErrorKind::kCorrupt,
                "tensor " + std::string(name) + " has shape " + ShapeText(entry.shape) +
                    ", config.json asks for " + ShapeText(shape),
                path_);
  }
  if (out.empty()) return;
  const std::byte* source = data_.data() + entry.begin + first * ElementBytes(entry.dtype);
  if (entry.dtype == "F32") {
    std::memcpy(out.data(), source, out.size_bytes());
    return;
  }
  if (ElementBytes(entry.dtype) != 2) {
    throw Error(ErrorKind::kUnsupported, "tensor " + std::string(name) + " has type " + entry.dtype,
                path_, "F32, BF16 and F16 can be read");
  }
  for (size_t i = 0; i < out.size(); ++i) {
    uint16_t bits;
    std::memcpy(&bits, source + 2 * i, 2);
    out[i] = entry.dtype == "BF16" ? std::bit_cast<float>(static_cast<uint32_t>(bits) << 16)
                                   : HalfToFloat(bits);
  }
}

std::string SafetensorsFile::Metadata(const std::string& key) const {
  const auto it = metadata_.find(key);
  return it == metadata_.end() ? "" : it->second;
}

}  // namespace agon::policy
