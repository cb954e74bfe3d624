// A hostile tokenizer.json is refused, or gives a tokenizer that encodes without a crash.
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "datasets/tokenizer.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  AGON_CHECK(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  ExpectOnly({ErrorKind::kCorrupt, ErrorKind::kUnsupported}, [&] {
    const auto tokenizer = datasets::Tokenizer::Load("/proc/self/fd/" + std::to_string(fd));
    const std::string text = "The cat, 42 \xff<|im_end|> été\n";
    const std::vector<int32_t> ids = tokenizer.Encode(text);
    for (const int32_t id : ids) AGON_CHECK(id >= 0 && id < tokenizer.vocab_size());
    AGON_CHECK(tokenizer.Decode(ids) == text);
  });
  ::close(fd);
}

}  // namespace agon
