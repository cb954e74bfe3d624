// What tests of environments ask of tasks and outcomes.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "envs/env.h"
#include "tests/contains.h"

namespace agon::envs {

inline const std::string& QuestionOf(const Task& task) { return task.messages.back().content; }

// Masked as `kind`, for a reason that holds `reason`, and not scored.
inline void ExpectMasked(const Outcome& outcome, const std::string& kind,
                         const std::string& reason) {
  ASSERT_TRUE(outcome.masked) << outcome.reason;
  EXPECT_EQ(outcome.masked->kind, kind);
  EXPECT_TRUE(Contains(outcome.masked->reason, reason)) << outcome.masked->reason;
  EXPECT_TRUE(outcome.parts.empty());
}

}  // namespace agon::envs
