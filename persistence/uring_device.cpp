#include "persistence/uring_device.hpp"

#include <liburing.h>

#include <cerrno>
#include <utility>

namespace pawl {
namespace {

// More than a log has under way: four frames.
constexpr unsigned entries = 16;

}  // namespace

// The kernel's rings, and how much is under way in them.
class uring_device::ring {
 public:
  // 0, or the errno of the refusal.
  int make() noexcept {
    // With COOP_TASKRUN (Linux 5.19) a completion does not interrupt the thread.
    int error = ::io_uring_queue_init(entries, &ring_, IORING_SETUP_COOP_TASKRUN);
    if (error == -EINVAL) error = ::io_uring_queue_init(entries, &ring_, 0);
    if (error < 0) return -error;
    is_made_ = true;
    // A child of fork() must not reach it: its writes would end here.
    ::io_uring_ring_dontfork(&ring_);
    return 0;
  }
  ring() = default;
  ~ring() {
    if (is_made_) ::io_uring_queue_exit(&ring_);
  }
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;

  // 0, or the errno with which the write could not be started.
  int start_write(int fd, std::uint64_t offset, byte_span bytes, std::uint64_t token) noexcept {
    io_uring_sqe* const sqe = ::io_uring_get_sqe(&ring_);
    if (sqe == nullptr) return EBUSY;
    ::io_uring_prep_write(sqe, fd, bytes.data(), static_cast<unsigned>(bytes.size()), offset);
    ::io_uring_sqe_set_data64(sqe, token);
    int submitted = 0;
    do submitted = ::io_uring_submit(&ring_);
    while (submitted == -EINTR || submitted == -EAGAIN);
    if (submitted < 1) return submitted < 0 ? -submitted : EIO;
    ++under_way_;
    return 0;
  }

  std::size_t reap(std::span<completion> done, bool wait) noexcept {
    std::size_t n = 0;
    while (n < done.size() && under_way_ != 0) {
      io_uring_cqe* cqe = nullptr;
      const int error =
          wait && n == 0 ? ::io_uring_wait_cqe(&ring_, &cqe) : ::io_uring_peek_cqe(&ring_, &cqe);
      if (error == -EINTR) continue;
      if (error < 0) break;
      done[n++] = {::io_uring_cqe_get_data64(cqe), cqe->res};
      ::io_uring_cqe_seen(&ring_, cqe);
      --under_way_;
    }
    return n;
  }

 private:
  io_uring ring_{};
  bool is_made_ = false;
  unsigned under_way_ = 0;
};

result<std::unique_ptr<uring_device>> uring_device::open(const std::string& directory) {
  auto files = posix_device::open(directory);
  if (!files) return files.error();
  auto r = std::make_unique<ring>();
  if (const int error = r->make(); error != 0) {
    return failure{
        .code = errc::io, .sys_errno = error, .where = "io_uring: the system gives no ring"};
  }
  return std::unique_ptr<uring_device>(new uring_device(std::move(*files), std::move(r)));
}

uring_device::uring_device(std::unique_ptr<posix_device> files, std::unique_ptr<ring> r) noexcept
    : files_(std::move(files)), ring_(std::move(r)) {}

uring_device::~uring_device() {
  // The kernel reads the bytes of what is under way.
  completion done{};
  while (ring_->reap({&done, 1}, true) != 0) {
  }
}

void uring_device::start_write(file_ref file, std::uint64_t offset, byte_span bytes,
                               std::uint64_t token) {
  const int error = ring_->start_write(static_cast<int>(file), offset, bytes, token);
  if (error != 0) files_->note_end({token, -error});
}

std::size_t uring_device::reap(std::span<completion> done, bool wait) {
  const std::size_t n = files_->reap(done, false);
  return n + ring_->reap(done.subspan(n), wait && n == 0);
}

}  // namespace pawl
