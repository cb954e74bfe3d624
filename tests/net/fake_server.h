// tests/net/fake_openenv.py as a process.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "envs/plugin/process.h"
#include "tests/paths.h"

namespace agon {

class FakeServer {
 public:
  FakeServer()
      : process_(
            {{*envs::FindExecutable("python3"), kSourceDir + "/tests/net/fake_openenv.py"}, {}}) {
    for (char c = 0; read(process_.socket(), &c, 1) == 1 && c != '\n';) port_ += c;
    EXPECT_NE(port_, "") << "the fake server didn't start";
  }

  const std::string& port() const { return port_; }
  // "ws://127.0.0.1:PORT/<mode>/ws"
  std::string Ws(const std::string& mode) const { return "ws" + Address(mode) + "/ws"; }
  std::string Http(const std::string& mode) const { return "http" + Address(mode); }
  // Without a farewell.
  void Kill() { process_.Kill(); }

 private:
  std::string Address(const std::string& mode) const {
    return "://127.0.0.1:" + port_ + "/" + mode;
  }

  envs::Process process_;
  std::string port_;
};

}  // namespace agon
