#include "store_reader.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "persistence/segment_name.hpp"
#include "settings.hpp"
#include "store_holder.hpp"
#include "store_query.hpp"
#include "time_text.hpp"

namespace pawl_tool {

namespace {

// Passes on what was not given before.
class new_cuts final : public pawl::cut_taker {
 public:
  new_cuts(pawl::cut_taker& to, reading& seen) : to_(to), seen_(seen) {}

  pawl::status take(const pawl::log_cut& cut) override {
    if (cut.lsn <= seen_.lsn) return std::monostate{};
    const pawl::status taken = to_.take(cut);
    refused_ = !taken;
    if (refused_) return taken.error();
    seen_.lsn = cut.lsn;
    seen_.wall_ns = cut.written.wall_ns;
    return std::monostate{};
  }
  [[nodiscard]] bool refused() const noexcept { return refused_; }

 private:
  pawl::cut_taker& to_;
  reading& seen_;
  bool refused_ = false;
};

bool is_same_place(const pawl::log_fault& a, const pawl::log_fault& b) {
  return a.segment == b.segment && a.offset == b.offset && a.frame == b.frame &&
         a.cause.where == b.cause.where;
}

bool is_seen_enough(const pawl::failure& trouble) {
  return trouble.code == seen_enough.code && trouble.where == seen_enough.where;
}

constexpr int readings_max = 20;

}  // namespace

pawl::result<std::unique_ptr<store_reader>> store_reader::open(const std::string& directory) {
  auto device = pawl::posix_device::open_to_read(directory);
  if (!device) return device.error();
  return std::unique_ptr<store_reader>(new store_reader(directory, std::move(*device)));
}

reading store_reader::read(pawl::cut_taker& taker, std::uint64_t after) {
  reading seen;
  seen.lsn = after;
  new_cuts cuts(taker, seen);
  std::optional<pawl::log_fault> before;
  for (int i = 0; i < readings_max; ++i) {
    seen.summary = pawl::read_log(*device_, cuts);
    const auto& fault = seen.summary.fault;
    if (!fault || cuts.refused() || (before && is_same_place(*before, *fault))) break;
    before = fault;
  }
  if (cuts.refused() && is_seen_enough(seen.summary.fault->cause)) {
    seen.ended_early = true;
    seen.summary.fault.reset();
  }
  seen.open_by = holder_of(directory_);
  return seen;
}

std::string as_of(const reading& r) {
  std::string text = fmt::format("{} LSN {}", r.ended_early ? "stopped behind" : "as of", r.lsn);
  if (r.wall_ns != 0) text += ", " + time_text_ms(r.wall_ns);
  return text + (r.open_by ? fmt::format("; open by process {}", *r.open_by) : "; not open");
}

std::string text_of(const pawl::failure& trouble) {
  std::string text(name(trouble.code));
  if (!trouble.where.empty()) text += ": " + std::string(trouble.where);
  if (trouble.sys_errno != 0) text += std::string(": ") + std::strerror(trouble.sys_errno);
  return text;
}

std::string text_of(const pawl::log_fault& fault) {
  std::string text = text_of(fault.cause);
  if (fault.segment == 0) return text;
  text += " (" + pawl::file_name(pawl::segment_prefix, fault.segment) +
          fmt::format(", offset {}", fault.offset);
  if (fault.frame != 0) text += fmt::format(", frame {}", fault.frame);
  return text + ')';
}

int exit_code_of(const pawl::failure& trouble) noexcept {
  switch (trouble.code) {
    case pawl::errc::corrupt:
      return exit_damaged;
    case pawl::errc::not_found:
      return exit_not_found;
    case pawl::errc::invalid:
    case pawl::errc::version:
      return exit_refused;
    default:
      return exit_failed;
  }
}

}  // namespace pawl_tool
