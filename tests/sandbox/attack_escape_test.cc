// Programs that try to see, touch or outlive what is not theirs.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>

#include "tests/paths.h"
#include "tests/sandbox/host.h"
#include "tests/sandbox/sandbox_fixture.h"

namespace agon::envs {
namespace {

namespace fs = std::filesystem;

class EscapeTest : public SandboxTest {};

// 5. Daemons.

constexpr const char* kDaemon = R"(
import ctypes, os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 256)
        ctypes.CDLL(None).prctl(15, b"agon-daemon", 0, 0, 0)
        time.sleep(20)
    os._exit(0)
os.wait()
time.sleep(0.3)
)";

TEST_F(EscapeTest, DaemonsDieWithTheBox) {
  const BoxResult result = RunPython(kDaemon);
  EXPECT_EQ(result.verdict, BoxVerdict::kOk) << Tell(result);
  EXPECT_TRUE(host::ProcessesNamed("agon-daemon").empty());

  ASSERT_EQ(leaky().Run(Program::Python(kDaemon)).verdict, BoxVerdict::kOk);
  const auto survivors = host::ProcessesNamed("agon-daemon");
  EXPECT_EQ(survivors.size(), 1u) << "the attack itself is broken";
  for (const pid_t pid : survivors) kill(pid, SIGKILL);
}

// 6. Zombies.

TEST_F(EscapeTest, OrphansAreReaped) {
  BoxLimits limits = Patient();
  limits.max_processes = 8;
  // Unreaped, the sixth orphan would use up the limit.
  const BoxResult result = RunPython(R"(
import os, time
orphans = 0
while orphans < 100:
    try:
        child = os.fork()
    except BlockingIOError:
        time.sleep(0.001)
        continue
    if child == 0:
        try:
            os.fork()
        except BlockingIOError:
            os._exit(1)
        os._exit(0)
    orphans += os.waitpid(child, 0)[1] == 0
print(orphans)
)",
                                     limits);
  EXPECT_EQ(result.stdout_bytes, "100\n") << Tell(result);
}

// 7. Network. The only addresses here are the loopback's and a test's own socket's.

constexpr const char* kReach = R"(
import socket
def attempt(name, act):
    try:
        act()
        print(name, "reached")
    except OSError as error:
        print(name, error.errno)
def tcp():
    socket.create_connection(("127.0.0.1", PORT), 2).close()
def unix():
    peer = socket.socket(socket.AF_UNIX)
    peer.connect("\0agon-test-PORT")
attempt("tcp", tcp)
attempt("unix", unix)
)";

// Listens on the loopback, and on an abstract name made from the port.
class Listener {
 public:
  Listener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(tcp_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(tcp_, 8), 0);
    getsockname(tcp_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = std::to_string(ntohs(address.sin_port));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string path = "agon-test-" + port_;
    std::memcpy(name.sun_path + 1, path.data(), path.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + path.size());
    EXPECT_EQ(bind(unix_, reinterpret_cast<sockaddr*>(&name), length), 0);
    EXPECT_EQ(listen(unix_, 8), 0);
  }
  ~Listener() {
    close(tcp_);
    close(unix_);
  }
  std::string Fill(std::string source) const {
    for (size_t at; (at = source.find("PORT")) != std::string::npos;) source.replace(at, 4, port_);
    return source;
  }

 private:
  int tcp_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int unix_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string port_;
};

TEST_F(EscapeTest, NoNetwork) {
  const Listener listener;
  const BoxResult result = RunPython(listener.Fill(kReach));
  EXPECT_EQ(result.stdout_bytes, "tcp 1\nunix 1\n") << Tell(result);

  const BoxResult leak = leaky().Run(Program::Python(listener.Fill(kReach)));
  EXPECT_EQ(leak.stdout_bytes, "tcp reached\nunix reached\n") << "the attack itself is broken";
}

TEST_F(EscapeTest, NoSocketOfAnyFamily) {
  const BoxResult result = RunPython(R"(
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for family in range(46):
    for kind in 1, 2, 3, 5:
        if libc.socket(family, kind, 0) != -1 or ctypes.get_errno() != 1:
            print("socket", family, kind, ctypes.get_errno())
pair = (ctypes.c_int * 2)()
for family in 2, 10, 16, 40:
    if libc.socketpair(family, 1, 0, pair) != -1:
        print("socketpair", family)
)");
  EXPECT_EQ(result.stdout_bytes, "") << Tell(result);
  EXPECT_EQ(result.verdict, BoxVerdict::kOk) << Tell(result);
}

TEST_F(EscapeTest, DatagramPairReachesNoOtherSocket) {
  // The one kind of socket there is may still name an address when it sends.
  const Listener listener;
  const BoxResult result = RunPython(listener.Fill(R"(
import socket
one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
for address in "\0agon-test-PORT", "/tmp/none", "/run/none":
    try:
        one.sendto(b"out", address)
        print("sent")
    except OSError as error:
        print(error.errno in (1, 2, 111))
)"));
  EXPECT_EQ(result.stdout_bytes, "True\nTrue\nTrue\n") << Tell(result);
}

// 8. Host files, environment, descriptors.

constexpr const char* kSpy = R"(
import os
for path in ("SECRET", "/etc/passwd", "/etc/hostname", "/root", "/home", "/var", "/run", "SOURCE"):
    print(path, os.path.exists(path))
print(os.environ.get("AGON_TEST_SECRET"))
print([fd for fd in range(4, 512) if os.path.exists(f"/dev/fd/{fd}") or fstat(fd)])
)";

std::string SpyProgram(const std::string& secret) {
  std::string source = kSpy;
  source.replace(source.find("SECRET"), 6, secret);
  source.replace(source.find("SOURCE"), 6, kSourceDir + "/tests");
  return "import os\ndef fstat(fd):\n    try:\n        os.fstat(fd)\n        return fd > 5\n    "
         "except OSError:\n        return False\n" +
         source;
}

TEST_F(EscapeTest, SeesNothingOfTheHost) {
  const std::string secret = testing::TempDir() + "agon-secret-" + std::to_string(getpid());
  std::ofstream(secret) << "the expected output";
  setenv("AGON_TEST_SECRET", "token", 1);
  const int inherited = fcntl(open(secret.c_str(), O_RDONLY), F_DUPFD, 200);  // not close-on-exec
  // Sandboxes made now, so that they could inherit.
  Sandbox fresh;
  SandboxOptions options;
  options.unsafe_no_isolation = true;
  Sandbox leaks(options);
  const BoxResult result = fresh.Run(Program::Python(SpyProgram(secret)));
  const BoxResult leak = leaks.Run(Program::Python(SpyProgram(secret)));
  unsetenv("AGON_TEST_SECRET");
  close(inherited);
  unlink(secret.c_str());

  EXPECT_EQ(result.verdict, BoxVerdict::kOk) << Tell(result);
  EXPECT_EQ(result.stdout_bytes.find("True"), std::string::npos) << Tell(result);
  EXPECT_NE(result.stdout_bytes.find("\nNone\n[]\n"), std::string::npos) << Tell(result);

  EXPECT_NE(leak.stdout_bytes.find(secret + " True"), std::string::npos) << Tell(leak);
  EXPECT_NE(leak.stdout_bytes.find("token"), std::string::npos) << "the attack itself is broken";
  EXPECT_NE(leak.stdout_bytes.find("200"), std::string::npos) << Tell(leak);
}

TEST_F(EscapeTest, CommandsGetAnEmptyEnvironment) {
  const BoxResult result = sandbox().Run(Program::Command(
      {"/usr/bin/python3", "-S", "-c", "import os; print(dict(os.environ), os.listdir('/'))"}));
  EXPECT_EQ(result.stdout_bytes.substr(0, 3), "{} ") << Tell(result);
  for (const char* name : {"home", "root", "proc", "sys", "var", "old"}) {
    EXPECT_EQ(result.stdout_bytes.find("'" + std::string(name) + "'"), std::string::npos) << name;
  }
}

// 9. /proc and /sys.

TEST_F(EscapeTest, NoProcNoSys) {
  const BoxResult result = RunPython(R"(
import os
for path in ("/proc", "/proc/self/mem", "/proc/1/environ", "/proc/kcore", "/sys", "/sys/kernel",
             "/dev/mem", "/dev/kmsg", "/dev/tty", "/dev/pts", "/dev/kvm"):
    print(os.path.lexists(path), end=" ")
print(sorted(os.listdir("/dev")), os.getpid(), os.getppid())
)");
  EXPECT_EQ(result.stdout_bytes,
            "False False False False False False False False False False False "
            "['full', 'null', 'random', 'shm', 'urandom', 'zero'] 2 1\n")
      << Tell(result);
}

// 11. Files that a careless host would follow.

TEST_F(EscapeTest, LinksLeadNowhereAndTheRootIsReadOnly) {
  const std::string host_file = "/usr/lib/python3.11/os.py";
  struct stat before {
  }, after{};
  const bool known = stat(host_file.c_str(), &before) == 0;
  const BoxResult result = RunPython(R"(
import os, sys
def attempt(name, act):
    try:
        print(name, act())
    except OSError as error:
        print(name, error.errno)
library = os.__file__
os.symlink("/etc/passwd", "/tmp/link")
attempt("symlink", lambda: open("/tmp/link").read())
attempt("hardlink", lambda: os.link(library, "/tmp/hard"))
attempt("append", lambda: open(library, "a"))
attempt("replace", lambda: os.rename("/tmp/link", library))
attempt("chmod", lambda: os.chmod(library, 0o777))
attempt("interpreter", lambda: open(sys.executable, "r+b"))
attempt("root", lambda: open("/planted", "w"))
attempt("box", lambda: open("/box/planted", "w"))
attempt("device", lambda: os.mknod("/tmp/disk", 0o60666, os.makedev(254, 0)))
attempt("memory", lambda: os.mknod("/tmp/mem", 0o20666, os.makedev(1, 1)))
attempt("fifo", lambda: os.mkfifo("/tmp/fifo"))
def sparse():
    with open("/tmp/sparse", "wb") as file:
        file.truncate(1 << 50)
attempt("sparse", sparse)
)");
  const std::string& out = result.stdout_bytes;
  EXPECT_NE(out.find("symlink 2\n"), std::string::npos) << Tell(result);
  EXPECT_NE(out.find("hardlink 18\n"), std::string::npos) << Tell(result);
  for (const char* name :
       {"append", "replace", "chmod", "interpreter", "root", "box", "device", "memory"}) {
    const size_t at = out.find("\n" + std::string(name) + " ");
    ASSERT_NE(at, std::string::npos) << name << Tell(result);
    const int error = std::atoi(out.c_str() + at + std::strlen(name) + 2);
    // EPERM, EACCES, EXDEV, EROFS
    EXPECT_TRUE(error == 1 || error == 13 || error == 18 || error == 30) << name << " " << error;
  }
  EXPECT_NE(out.find("sparse 27\n"), std::string::npos) << Tell(result);  // EFBIG
  if (known) {
    ASSERT_EQ(stat(host_file.c_str(), &after), 0);
    EXPECT_EQ(before.st_mtime, after.st_mtime);
    EXPECT_EQ(before.st_mode, after.st_mode);
  }
}

// 14. Signals and limits of others.

TEST_F(EscapeTest, SignalsReachNobodyElse) {
  Box sleeper =
      sandbox().Start(Program::Python("open(3, 'rb', buffering=0).readline(); print('alive')"));
  const BoxResult result = RunPython(R"(
import os, resource, signal
for pid in [*range(1, 2), *range(3, 400)]:
    for number in signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM:
        try:
            os.kill(pid, number)
            if pid != 1:
                print("sent to", pid)
        except ProcessLookupError:
            pass
        except PermissionError:  # by Landlock
            if pid != 1:
                print("there is", pid)
try:
    os.kill(-1, signal.SIGKILL)
except ProcessLookupError:
    pass
print(os.getppid())
for limit in resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE:
    try:
        resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("raised", limit)
    except (ValueError, OSError):
        pass
try:
    resource.prlimit(1, resource.RLIMIT_CPU, (0, 0))
    print("lowered the first process's")
except PermissionError:
    pass
)");
  EXPECT_EQ(result.stdout_bytes, "1\n") << Tell(result);
  EXPECT_EQ(result.verdict, BoxVerdict::kOk) << Tell(result);
  EXPECT_TRUE(sleeper.Send("\n", In(30000)));
  EXPECT_EQ(sleeper.Wait().stdout_bytes, "alive\n") << Tell(sleeper.Wait());
}

TEST_F(EscapeTest, StoppingItselfRunsIntoTheLimit) {
  BoxLimits limits;
  limits.wall_ms = 200;
  const BoxResult result =
      RunPython("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", limits);
  EXPECT_EQ(result.verdict, BoxVerdict::kTimeLimit) << Tell(result);
}

}  // namespace
}  // namespace agon::envs
