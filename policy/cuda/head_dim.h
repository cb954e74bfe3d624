// The head dimension as a constant of the kernel.
#pragma once

#include <string>

#include "core/error.h"
#include "policy/cuda/kernels.h"

namespace agon::policy::cuda {

// body.operator()<kHeadDim>() for the head dimension of `shape`; kUnsupported for others.
template <typename Body>
void ForHeadDim(const char* op, const HeadShape& shape, const Body& body) {
  switch (shape.head_dim) {
    case 32:
      return body.template operator()<32>();
    case 64:
      return body.template operator()<64>();
    case 128:
      return body.template operator()<128>();
  }
  throw Error(ErrorKind::kUnsupported, "head_dim = " + std::to_string(shape.head_dim), op,
              "CUDA kernels know head dimensions 32, 64 and 128");
}

}  // namespace agon::policy::cuda
