#include "core/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "core/error.h"

namespace agon {
namespace {

constexpr size_t kDigestBytes = 32;

std::string ToHex(const unsigned char* bytes, size_t size) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(2 * size, '0');
  for (size_t i = 0; i < size; ++i) {
    text[2 * i] = kDigits[bytes[i] >> 4];
    text[2 * i + 1] = kDigits[bytes[i] & 15];
  }
  return text;
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string Sha256(std::string_view bytes) {
  unsigned char digest[kDigestBytes];
  AGON_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest, nullptr, EVP_sha256(), nullptr) == 1);
  return ToHex(digest, sizeof digest);
}

std::string Sha256OfFile(const std::filesystem::path& path) {
  const auto refuse = [&](ErrorKind kind) {
    throw Error(kind, std::strerror(errno), path.string());
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (!file) refuse(errno == ENOENT ? ErrorKind::kNotFound : ErrorKind::kIo);
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> state(EVP_MD_CTX_new(),
                                                                 &EVP_MD_CTX_free);
  AGON_CHECK(state && EVP_DigestInit_ex(state.get(), EVP_sha256(), nullptr) == 1);
  std::vector<unsigned char> buffer(size_t{1} << 20);
  while (const size_t size = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    AGON_CHECK(EVP_DigestUpdate(state.get(), buffer.data(), size) == 1);
  }
  if (std::ferror(file.get()) != 0) refuse(ErrorKind::kIo);
  unsigned char digest[kDigestBytes];
  AGON_CHECK(EVP_DigestFinal_ex(state.get(), digest, nullptr) == 1);
  return ToHex(digest, sizeof digest);
}

std::string HmacSha256(std::string_view key, std::string_view message) {
  unsigned char digest[kDigestBytes];
  AGON_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(message),
                  message.size(), digest, nullptr) != nullptr);
  return ToHex(digest, sizeof digest);
}

bool SameSecret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string RandomHex(size_t num_bytes) {
  std::vector<unsigned char> bytes(num_bytes);
  if (RAND_bytes(bytes.data(), static_cast<int>(num_bytes)) != 1) {
    throw Error(ErrorKind::kIo, "the system gives no random numbers");
  }
  return ToHex(bytes.data(), num_bytes);
}

}  // namespace agon
