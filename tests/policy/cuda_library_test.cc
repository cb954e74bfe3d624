// The CUDA backend as a file of its own: what is refused.
#include "policy/cuda_library.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/contains.h"
#include "tests/error_of.h"
#include "tests/paths.h"

namespace agon::policy {
namespace {

TEST(CudaLibraryTest, ThatOfAnotherBuildIsRefusedBeforeAnythingOfItIsCalled) {
  const std::string file = kBinaryDir + "/tests/stale_cuda.so";
  ::setenv("AGON_CUDA_LIBRARY", file.c_str(), 1);
  const std::string error = ErrorOf([] { LoadCudaLibrary(); }, ErrorKind::kUnsupported);
  ::unsetenv("AGON_CUDA_LIBRARY");
  EXPECT_TRUE(Contains(error, "stale_cuda.so: the CUDA backend is of another build")) << error;
  EXPECT_TRUE(Contains(error, "build the target agon_cuda again")) << error;
}

}  // namespace
}  // namespace agon::policy
