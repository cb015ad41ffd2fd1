#include "worker/sandbox/call_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace joinery::worker::sandbox {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kArchitecture = 0;
#endif

// CLONE_NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWNS.
constexpr uint32_t kNewNamespaces = 0x7E020000;
// Numbers from here on are those of x32, a second way to ask for the same.
constexpr uint32_t kFirstOfX32 = 0x40000000;

constexpr std::array kRefused = {
    SYS_socket,
    SYS_io_uring_setup,
    SYS_unshare,
    SYS_setns,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
};
constexpr std::array kTracing = {SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd};

constexpr sock_filter Load(size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)); }
constexpr sock_filter Return(uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }
constexpr sock_filter Refuse(int error) { return Return(SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)); }
// Goes on behind the next instruction unless the comparison holds.
constexpr sock_filter Unless(uint16_t comparison, uint32_t value) {
  return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | comparison | BPF_K), value, 0, 1);
}

void AppendRefusal(int64_t call, std::vector<sock_filter>& filter) {
  filter.push_back(Unless(BPF_JEQ, static_cast<uint32_t>(call)));
  filter.push_back(Refuse(EPERM));
}

}  // namespace

std::vector<sock_filter> MakeCallFilter(bool may_trace) {
  if (kArchitecture == 0) return {};
  std::vector<sock_filter> filter = {
      Load(offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
      Return(SECCOMP_RET_KILL_PROCESS),
      Load(offsetof(seccomp_data, nr)),
  };
  if (kArchitecture == AUDIT_ARCH_X86_64) {
    filter.push_back(Unless(BPF_JGE, kFirstOfX32));
    filter.push_back(Refuse(ENOSYS));
  }
  // Its flags lie in memory, where a filter cannot look; without it C libraries use clone, whose flags it sees.
  filter.push_back(Unless(BPF_JEQ, SYS_clone3));
  filter.push_back(Refuse(ENOSYS));
  for (const int64_t call : kRefused) AppendRefusal(call, filter);
  if (!may_trace) {
    for (const int64_t call : kTracing) AppendRefusal(call, filter);
  }
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3));
  filter.push_back(Load(offsetof(seccomp_data, args)));
  filter.push_back(Unless(BPF_JSET, kNewNamespaces));
  filter.push_back(Refuse(EPERM));
  filter.push_back(Return(SECCOMP_RET_ALLOW));
  return filter;
}

bool ApplyCallFilter(const std::vector<sock_filter>& filter) {
  sock_fprog program{static_cast<uint16_t>(filter.size()), const_cast<sock_filter*>(filter.data())};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace joinery::worker::sandbox
