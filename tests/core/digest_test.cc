#include "core/digest.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/file.h"
#include "tests/error_of.h"

namespace agon {
namespace {

// FIPS 180-4, examples of NIST.
TEST(DigestTest, IsSha256) {
  EXPECT_EQ(Sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(DigestTest, OfAFileIsThatOfItsBytes) {
  const fs::path path =
      fs::path(::testing::TempDir()) / ("agon_digest_" + std::to_string(::getpid()));
  const std::string bytes(3000001, 'q');
  WriteFileAtomic(path, bytes);
  EXPECT_EQ(Sha256OfFile(path), Sha256(bytes));
  WriteFileAtomic(path, "");
  EXPECT_EQ(Sha256OfFile(path), Sha256(""));
  fs::remove(path);
  EXPECT_TRUE(Contains(ErrorOf([&] { Sha256OfFile(path); }, ErrorKind::kNotFound), path.string()));
  EXPECT_NE(ErrorOf([] { Sha256OfFile(::testing::TempDir()); }, ErrorKind::kIo), "");
}

// RFC 4231, test cases 2 and 6.
TEST(DigestTest, IsHmac) {
  EXPECT_EQ(HmacSha256("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(HmacSha256(std::string(131, '\xaa'),
                       "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(DigestTest, ComparesSecretsWhole) {
  EXPECT_TRUE(SameSecret("", ""));
  EXPECT_TRUE(SameSecret("abc", "abc"));
  EXPECT_FALSE(SameSecret("abc", "abd"));
  EXPECT_FALSE(SameSecret("abc", "abcd"));
}

TEST(DigestTest, NeverRepeatsARandomName) {
  const std::string name = RandomHex(16);
  EXPECT_EQ(name.size(), 32u);
  EXPECT_EQ(name.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(name, RandomHex(16));
}

}  // namespace
}  // namespace agon
