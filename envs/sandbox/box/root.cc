#include "envs/sandbox/box/root.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "envs/sandbox/box/embedded.h"
#include "envs/sandbox/box/failure.h"
#include "envs/sandbox/wire.h"

namespace agon::envs::box {
namespace {

namespace fs = std::filesystem;

// Whom boxes belong to when root runs them: a user who owns nothing.
constexpr uid_t kNobody = 65534;
// Who they are inside. Not root: the kernel lets a namespace map its parent's root only
// if the parent had CAP_SETFCAP, and the interpreter has no capability at all.
constexpr uid_t kInnerId = 1000;
constexpr int kZygoteSocket = 3;  // zygote.py knows them
constexpr int kZygoteProc = 4;
constexpr int kZygoteNets = 5;
constexpr int kAbove = kZygoteNets + wire::kNumNets;  // out of the way of these

struct Bind {
  std::string source;  // without symbolic links
  std::string target;
};

std::string Resolve(const std::string& path) {
  char real[PATH_MAX];
  if (!realpath(path.c_str(), real)) throw SystemFailure(path);
  return real;
}

std::vector<Bind> ListBinds(const PythonFiles& python, const std::vector<std::string>& extra) {
  std::vector<Bind> binds = {{python.executable, python.executable}};
  for (const std::string& path : python.folders) binds.push_back({path, path});
  for (const std::string& path : python.libraries) binds.push_back({Resolve(path), path});
  if (access("/etc/ld.so.cache", R_OK) == 0)
    binds.push_back({"/etc/ld.so.cache", "/etc/ld.so.cache"});
  for (const char* name : {"null", "zero", "full", "random", "urandom"}) {
    const std::string path = std::string("/dev/") + name;
    binds.push_back({path, path});
  }
  for (const std::string& path : extra) binds.push_back({Resolve(path), path});
  return binds;
}

void Check(bool ok, const std::string& step) {
  if (!ok) throw SystemFailure(step);
}

void Mount(const char* source, const std::string& target, const char* type, unsigned long flags,
           const char* options) {
  Check(mount(source, target.c_str(), type, flags, options) == 0, "mounting " + target);
}

void WriteFile(const std::string& path, std::string_view bytes) {
  Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0555));
  Check(file.open(), path);
  Check(write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), path);
}

void BindMount(const Bind& bind) {
  const std::string source = "/old" + bind.source, target = "/new" + bind.target;
  struct stat info;
  Check(stat(source.c_str(), &info) == 0, bind.source);
  std::error_code error;
  if (S_ISDIR(info.st_mode)) {
    fs::create_directories(target, error);
  } else {
    fs::create_directories(fs::path(target).parent_path(), error);
    Descriptor file(open(target.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0444));
  }
  Mount(source.c_str(), target, nullptr, MS_BIND | MS_REC, nullptr);
}

// Packages that somebody installed for this interpreter are none of the box's business.
void HidePackages(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    for (const char* name : {"/site-packages", "/dist-packages"}) {
      const std::string target = "/new" + folder + name;
      if (access(target.c_str(), F_OK) == 0) Mount("none", target, "tmpfs", MS_RDONLY, "size=4k");
    }
  }
}

void BuildTree(const PythonFiles& python, const std::vector<Bind>& binds) {
  Mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  Mount("root", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=755");
  Check(mkdir("/tmp/old", 0755) == 0 && mkdir("/tmp/new", 0755) == 0, "mkdir");
  Check(syscall(SYS_pivot_root, "/tmp", "/tmp/old") == 0, "pivot_root");
  Check(chdir("/") == 0, "chdir");
  Mount("root", "/new", "tmpfs", MS_NOSUID | MS_NODEV, "size=4m,nr_inodes=4k,mode=755");
  for (const Bind& bind : binds) BindMount(bind);
  HidePackages(python.folders);
  Check(mkdir("/new/tmp", 0755) == 0 && mkdir("/new/box", 0755) == 0, "mkdir");
  // For shm_open and the like: files there count as /tmp's.
  Check(symlink("/tmp", "/new/dev/shm") == 0, "symlink");
  std::error_code error;
  fs::create_directories("/new/usr/bin", error);
  (void)!symlink(python.executable.c_str(), "/new/usr/bin/python3");  // may be the file itself
  WriteFile("/new/box/zygote.so", ZygoteLibrary());

  Check(chdir("/new") == 0 && syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
  Check(umount2(".", MNT_DETACH) == 0 && chdir("/") == 0, "umount2");
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
  Check(
      syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attributes, sizeof(attributes)) == 0,
      "mount_setattr");
}

// Keeps what entering the prepared net namespaces takes, and only over this namespace: a
// box's own user namespace starts without it.
void DropPrivileges() {
  for (int cap = 0; cap < 64; ++cap) {
    if (cap != CAP_SYS_ADMIN && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) break;
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  constexpr uint32_t kKept = 1U << CAP_SYS_ADMIN;
  __user_cap_data_struct data[2] = {{kKept, kKept, kKept}, {}};
  Check(syscall(SYS_capset, &header, data) == 0, "capset");
  Check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0) == 0, "ambient");
  Check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

// Leaves the namespaces open at kZygoteNets and above. Each is empty, its loopback down.
void MakeNets() {
  for (int i = 0; i < wire::kNumNets; ++i) {
    Check(unshare(CLONE_NEWNET) == 0, "a net namespace");
    // By way of a place above: the lowest free one may be the very place it shall have.
    Descriptor low(openat(kZygoteProc, "self/ns/net", O_RDONLY | O_CLOEXEC));
    const Descriptor high(fcntl(low.get(), F_DUPFD_CLOEXEC, kAbove));
    low.Close();
    Check(high.open() && dup2(high.get(), kZygoteNets + i) >= 0, "/proc/self/ns/net");
  }
}

// Descriptors 0 and 1 are ends of broken pipes: the interpreter sees streams of the kind
// that programs will have there, and can neither read nor write anything.
void ArrangeDescriptors(int socket, int proc) {
  const int high_socket = fcntl(socket, F_DUPFD_CLOEXEC, kAbove);
  const int high_proc = fcntl(proc, F_DUPFD_CLOEXEC, kAbove);
  int input[2], output[2];
  Check(high_socket >= 0 && high_proc >= 0, "dup");
  Check(pipe2(input, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0, "pipe");
  Check(dup2(input[0], 0) == 0 && dup2(output[1], 1) == 1, "dup2");
  Check(dup2(high_socket, kZygoteSocket) >= 0 && dup2(high_proc, kZygoteProc) >= 0, "dup2");
}

[[noreturn]] void BecomeZygote(const PythonFiles& python, const std::vector<Bind>& binds,
                               int socket, int proc, int error_pipe) {
  try {
    Check(setresgid(kInnerId, kInnerId, kInnerId) == 0 &&
              setresuid(kInnerId, kInnerId, kInnerId) == 0,
          "setresuid");
    BuildTree(python, binds);
    sethostname("box", 3);
    // Above what moves below.
    const int high_pipe = fcntl(error_pipe, F_DUPFD_CLOEXEC, kAbove);
    ArrangeDescriptors(socket, proc);
    error_pipe = high_pipe;
    syscall(SYS_close_range, kZygoteNets, kAbove - 1, 0);
    MakeNets();
    DropPrivileges();
    const std::string script(ZygoteScript());
    const char* argv[] = {
        python.executable.c_str(), "-s", "-S", "-B", "-X", "utf8", "-c", script.c_str(), nullptr};
    const char* environment[] = {"PYTHONHASHSEED=0", nullptr};
    execve(argv[0], const_cast<char**>(argv), const_cast<char**>(environment));
    throw SystemFailure("starting " + python.executable);
  } catch (const std::exception& failure) {
    (void)!write(error_pipe, failure.what(), std::strlen(failure.what()));
    _exit(1);
  }
}

bool WriteText(const std::string& path, const std::string& text) {
  Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file.open() &&
         write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

void MapIds(pid_t pid) {
  const std::string proc = "/proc/" + std::to_string(pid) + "/";
  const auto map = [&](uid_t uid, gid_t gid) {
    const std::string inner = std::to_string(kInnerId) + " ";
    return WriteText(proc + "uid_map", inner + std::to_string(uid) + " 1") &&
           WriteText(proc + "gid_map", inner + std::to_string(gid) + " 1");
  };
  if (geteuid() == 0 && map(kNobody, kNobody)) return;
  WriteText(proc + "setgroups", "deny");
  Check(map(geteuid(), getegid()), "writing " + proc + "uid_map");
}

constexpr const char* kNamespaceHint =
    "allow unprivileged user namespaces (sysctl user.max_user_namespaces; "
    "kernel.unprivileged_userns_clone; kernel.apparmor_restrict_unprivileged_userns; in Docker "
    "a seccomp profile that allows unshare)";

}  // namespace

Zygote StartZygote(const PythonFiles& python, const std::vector<std::string>& read_only_paths) {
  const std::vector<Bind> binds = ListBinds(python, read_only_paths);
  int sockets[2], go[2], errors[2];
  Check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0, "socketpair");
  Check(pipe2(go, O_CLOEXEC) == 0 && pipe2(errors, O_CLOEXEC) == 0, "pipe");
  Descriptor ours(sockets[0]), theirs(sockets[1]), go_read(go[0]), go_write(go[1]);
  Descriptor error_read(errors[0]), error_write(errors[1]);
  Descriptor proc(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  Check(proc.open(), "/proc");
  if (geteuid() == 0) setgroups(0, nullptr);

  constexpr unsigned long kFlags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                   CLONE_NEWIPC | CLONE_NEWUTS | SIGCHLD;
  const pid_t pid =
      static_cast<pid_t>(syscall(SYS_clone, kFlags, nullptr, nullptr, nullptr, nullptr));
  if (pid < 0) throw SystemFailure("no user namespaces here", kNamespaceHint);
  if (pid == 0) {
    go_write.Close();
    char byte;
    if (read(go_read.get(), &byte, 1) != 1) _exit(1);
    BecomeZygote(python, binds, theirs.get(), proc.get(), error_write.get());
  }
  theirs.Close();
  error_write.Close();
  try {
    MapIds(pid);
  } catch (...) {
    kill(pid, SIGKILL);
    throw;
  }
  Check(write(go_write.get(), "g", 1) == 1, "write");
  char text[512] = {};
  const ssize_t got = read(error_read.get(), text, sizeof(text) - 1);
  if (got > 0)
    throw Failure(std::string("setting up the box's file tree: ") + text, kNamespaceHint);
  return {pid, std::move(ours)};
}

}  // namespace agon::envs::box
