// Runs a command, and all that it starts, in a world where io_uring is refused, as containers do by default:
//
//   pawl_without_uring ctest ...
//
// Exits 77 if such a world cannot be made here.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>

namespace {

constexpr int skipped = 77;

sock_filter statement(unsigned code, unsigned value) {
  return {static_cast<unsigned short>(code), 0, 0, value};
}
// Goes on with the next but one if the number is not `value`.
sock_filter unless(unsigned value) {
  return {static_cast<unsigned short>(BPF_JMP | BPF_JEQ | BPF_K), 0, 1, value};
}

// The number of io_uring_setup is the same on all machines.
bool refuse_uring() {
  std::array filter{
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      unless(SYS_io_uring_setup),
      statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{filter.size(), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) {
    std::fprintf(stderr, "usage: pawl_without_uring COMMAND...\n");
    return 2;
  }
  if (!refuse_uring()) {
    std::perror("pawl_without_uring: seccomp");
    return skipped;
  }
  std::array<char, 128> parameters{};  // of io_uring_setup, larger than it takes
  if (::syscall(SYS_io_uring_setup, 1, parameters.data()) != -1 || errno != EPERM) {
    std::fprintf(stderr, "pawl_without_uring: io_uring is still there\n");
    return 2;
  }
  ::execvp(words[1], words + 1);
  std::perror(words[1]);
  return 2;
}
