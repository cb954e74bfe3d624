// SHA-256: names for bytes, chains that show tampering, tokens that can't be forged.
//
// All functions are thread-safe. Source: FIPS 180-4 and RFC 2104, by OpenSSL's libcrypto.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace agon {

// A digest is written as 64 lower-case hexadecimal digits everywhere.
std::string Sha256(std::string_view bytes);

// Of a file of any size, read in pieces. Throws kNotFound or kIo.
std::string Sha256OfFile(const std::filesystem::path& path);

// RFC 2104: only who has `key` can make or check it.
std::string HmacSha256(std::string_view key, std::string_view message);

// Compares in a time that depends on the sizes only, for secrets.
bool SameSecret(std::string_view a, std::string_view b);

// `num_bytes` of the system's generator as hexadecimal digits: keys, ids that can't be guessed.
// Never where a result must be reproducible: see core/rng.h. Throws kIo.
std::string RandomHex(size_t num_bytes);

}  // namespace agon
