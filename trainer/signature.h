// The training signature: one number that changes when training's numerics do.
#pragma once

#include <cstdint>

namespace agon::trainer {

// Hash of the tokens, rewards, losses and gradient norms of a fixed tiny run: SFT and RL of
// a random policy on math/arithmetic in fp32, some seconds. The same for any number of
// threads; commit messages name it ("Bench: 0123456789abcdef").
uint64_t TrainingSignature();

}  // namespace agon::trainer
