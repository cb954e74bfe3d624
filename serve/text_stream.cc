#include "serve/text_stream.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/utf8.h"

namespace agon::serve {

TextStream::TextStream(std::vector<std::string> stops) : stops_(std::move(stops)) {
  for (const std::string& stop : stops_) AGON_CHECK(!stop.empty());
}

std::string TextStream::Add(std::string_view bytes) {
  if (is_stopped_) return "";
  pending_ += bytes;
  size_t first = pending_.size();
  for (const std::string& stop : stops_) {
    const size_t found = pending_.find(stop);
    if (found != std::string::npos && found < first) {
      first = found;
      is_stopped_ = true;
    }
  }
  if (is_stopped_) {
    pending_.resize(first);
    return Finish();
  }
  const size_t held = std::max(HeldBytes(), UnfinishedUtf8Bytes(pending_));
  return Release(pending_.size() - held);
}

std::string TextStream::Finish() { return Release(pending_.size()); }

std::string TextStream::Release(size_t num_bytes) {
  std::string text = ReplaceBrokenUtf8(std::string_view(pending_).substr(0, num_bytes));
  pending_.erase(0, num_bytes);
  return text;
}

size_t TextStream::HeldBytes() const {
  size_t held = 0;
  for (const std::string& stop : stops_) {
    for (size_t length = std::min(stop.size() - 1, pending_.size()); length > held; --length) {
      if (std::string_view(pending_).ends_with(std::string_view(stop).substr(0, length))) {
        held = length;
      }
    }
  }
  return held;
}

std::string TextUntilStop(std::string_view bytes, const std::vector<std::string>& stops) {
  TextStream stream(stops);
  std::string text = stream.Add(bytes);
  return text + stream.Finish();
}

}  // namespace agon::serve
