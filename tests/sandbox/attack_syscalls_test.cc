// System calls that a program has no business with.
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/sandbox/sandbox_fixture.h"

namespace agon::envs {
namespace {

class SyscallTest : public SandboxTest {};

// 10. What a program must not do, whoever it is.
const std::vector<std::pair<const char*, long>> kPowers = {
    {"ptrace", SYS_ptrace},
    {"process_vm_readv", SYS_process_vm_readv},
    {"process_vm_writev", SYS_process_vm_writev},
    {"perf_event_open", SYS_perf_event_open},
    {"bpf", SYS_bpf},
    {"userfaultfd", SYS_userfaultfd},
    {"io_uring_setup", SYS_io_uring_setup},
    {"io_uring_enter", SYS_io_uring_enter},
    {"keyctl", SYS_keyctl},
    {"add_key", SYS_add_key},
    {"request_key", SYS_request_key},
    {"unshare", SYS_unshare},
    {"setns", SYS_setns},
    {"mount", SYS_mount},
    {"umount2", SYS_umount2},
    {"pivot_root", SYS_pivot_root},
    {"chroot", SYS_chroot},
    {"fsopen", SYS_fsopen},
    {"open_tree", SYS_open_tree},
    {"move_mount", SYS_move_mount},
    {"mount_setattr", SYS_mount_setattr},
    {"open_by_handle_at", SYS_open_by_handle_at},
    {"name_to_handle_at", SYS_name_to_handle_at},
    {"pidfd_getfd", SYS_pidfd_getfd},
    {"pidfd_open", SYS_pidfd_open},
    {"kcmp", SYS_kcmp},
    {"personality", SYS_personality},
    {"seccomp", SYS_seccomp},
    {"setuid", SYS_setuid},
    {"setgroups", SYS_setgroups},
    {"capset", SYS_capset},
    {"sethostname", SYS_sethostname},
    {"clock_settime", SYS_clock_settime},
    {"settimeofday", SYS_settimeofday},
    {"init_module", SYS_init_module},
    {"finit_module", SYS_finit_module},
    {"kexec_load", SYS_kexec_load},
    {"reboot", SYS_reboot},
    {"swapon", SYS_swapon},
    {"syslog", SYS_syslog},
    {"quotactl", SYS_quotactl},
    {"acct", SYS_acct},
    {"fanotify_init", SYS_fanotify_init},
    {"inotify_init1", SYS_inotify_init1},
    {"memfd_create", SYS_memfd_create},
    {"memfd_secret", 447},
    {"shmget", SYS_shmget},
    {"semget", SYS_semget},
    {"msgget", SYS_msgget},
    {"mq_open", SYS_mq_open},
    {"mlock", SYS_mlock},
    {"sched_setaffinity", SYS_sched_setaffinity},
    {"sched_setscheduler", SYS_sched_setscheduler},
    {"vmsplice", SYS_vmsplice},
    {"splice", SYS_splice},
    {"tee", SYS_tee},
    {"remap_file_pages", SYS_remap_file_pages},
    {"process_madvise", SYS_process_madvise},
    {"landlock_create_ruleset", 444},
    {"socket", SYS_socket},
    {"connect", SYS_connect},
    {"bind", SYS_bind},
    {"listen", SYS_listen},
    {"accept4", SYS_accept4},
    {"a call of the future", 499},
};

// Calls each number with zeros and prints those that fail otherwise than by EPERM.
std::string CallAll(const std::vector<std::pair<const char*, long>>& calls) {
  std::string source =
      "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nfor name, number in [";
  for (const auto& [name, number] : calls) {
    source += "('" + std::string(name) + "', " + std::to_string(number) + "), ";
  }
  return source +
         "]:\n"
         "    status = libc.syscall(number, 0, 0, 0, 0, 0, 0)\n"
         "    if (status, ctypes.get_errno()) != (-1, 1): print(name, status, "
         "ctypes.get_errno())\n";
}

TEST_F(SyscallTest, PowersAreRefused) {
  const std::string source = CallAll(kPowers);
  const BoxResult result = RunPython(source);
  EXPECT_EQ(result.stdout_bytes, "") << Tell(result);
  EXPECT_EQ(result.verdict, BoxVerdict::kOk) << Tell(result);
  // Some of these work for anybody.
  const BoxResult leak = leaky().Run(
      Program::Python(CallAll({{"ptrace", SYS_ptrace}, {"memfd_create", SYS_memfd_create}})));
  EXPECT_NE(leak.stdout_bytes.find("ptrace 0"), std::string::npos) << "the attack is broken";
}

TEST_F(SyscallTest, CloneMakesNoNamespaces) {
  const BoxResult result = RunPython(R"(
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for flag in 0x10000000, 0x20000, 0x20000000, 0x40000000, 0x8000000, 0x4000000, 0x2000000:
    child = libc.syscall(56, flag | 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    print(child, ctypes.get_errno(), end=" ")
)");
  EXPECT_EQ(result.stdout_bytes, "-1 1 -1 1 -1 1 -1 1 -1 1 -1 1 -1 1 ") << Tell(result);
}

TEST_F(SyscallTest, NoTypingIntoTerminals) {
  const BoxResult result = RunPython(R"(
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for request in 0x5412, 0x5412 | 1 << 32, 0x541c, 0x5423, 0x540e:  # TIOCSTI, TIOCLINUX, TIOCSETD, TIOCSCTTY
    print(libc.syscall(16, 0, ctypes.c_ulong(request), b"x"), ctypes.get_errno(), end=" ")
)");
  EXPECT_EQ(result.stdout_bytes, "-1 1 -1 1 -1 1 -1 1 -1 1 ") << Tell(result);
}

TEST_F(SyscallTest, NoCapabilityAndNoWayToOne) {
  const BoxResult result = RunPython(R"(
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
data = (ctypes.c_uint32 * 6)()
print(libc.syscall(125, header, data), list(data))
for option in 22, 23, 24, 38, 4, 35:  # SET_SECCOMP, CAPBSET_READ/DROP, NO_NEW_PRIVS, DUMPABLE, SET_MM
    print(libc.prctl(option, 0, 0, 0, 0), ctypes.get_errno(), end=" ")
)");
  EXPECT_EQ(result.stdout_bytes, "0 [0, 0, 0, 0, 0, 0]\n-1 1 -1 1 -1 1 -1 1 -1 1 -1 1 ")
      << Tell(result);
}

#if defined(__x86_64__)
TEST_F(SyscallTest, OtherSystemCallTablesKill) {
  // getpid of the 32-bit table (int 0x80) and of x32.
  for (const char* code :
       {R"(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")", R"(b"\xb8\x27\x00\x00\x40\x0f\x05\xc3")"}) {
    const BoxResult result = RunPython("import ctypes, mmap\ncode = " + std::string(code) + R"(
area = mmap.mmap(-1, 4096, prot=7)
area.write(code)
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(area)))
print(call())
)");
    EXPECT_EQ(result.stdout_bytes, "") << Tell(result);
    EXPECT_EQ(result.verdict, BoxVerdict::kRuntimeError) << Tell(result);
  }
}
#endif

}  // namespace
}  // namespace agon::envs
