// Sampled bytes to text that can be shown: whole characters, ending before a stop string.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace agon::serve {

// Not thread-safe.
class TextStream {
 public:
  // No stop string may be empty.
  explicit TextStream(std::vector<std::string> stops = {});

  // Takes a token's bytes and returns the text that is certain now: valid UTF-8 (a byte that
  // belongs to no character is U+FFFD). What may be the beginning of a stop string or of a
  // character is held back. After a stop string everything is ignored.
  std::string Add(std::string_view bytes);
  // No more comes: what was held back.
  std::string Finish();

  // A stop string has come. It is not part of the text.
  bool is_stopped() const { return is_stopped_; }

 private:
  std::string Release(size_t num_bytes);
  // Bytes at the end that may begin a stop string.
  size_t HeldBytes() const;

  std::vector<std::string> stops_;
  std::string pending_;
  bool is_stopped_ = false;
};

// All of it at once.
std::string TextUntilStop(std::string_view bytes, const std::vector<std::string>& stops);

}  // namespace agon::serve
