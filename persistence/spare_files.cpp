#include "persistence/spare_files.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "persistence/segment_name.hpp"

namespace pawl {
namespace {

constexpr auto spare_number_max = std::numeric_limits<std::uint64_t>::max();

result<bool> has_length(log_device& device, const std::string& name, std::uint64_t bytes) {
  const auto file = device.open(name);
  if (!file) return file.error();
  const auto size = device.size(*file);
  device.close(*file);
  if (!size) return size.error();
  return *size == bytes;
}

// Spares, and segments below that number; both ascending, by the digits of their names.
result<std::vector<std::string>> names_of_candidates(log_device& device, std::uint64_t unused) {
  auto names = device.list();
  if (!names) return names.error();
  std::erase_if(*names, [&](const std::string& name) {
    const auto segment = number_in(name, segment_prefix);
    return segment ? *segment >= unused : !number_in(name, spare_prefix);
  });
  std::sort(names->begin(), names->end());
  return names;
}

}  // namespace

bool ready_spares::take(std::uint64_t number) noexcept {
  if (count_ == 0 || number != first_) return false;
  ++first_;
  --count_;
  return true;
}

// A name that is taken in the course of this is free by then: of the files kept, number i has a number of
// at least `first` + i or none that counts.
spare_plan plan_spares(std::vector<spare_candidate> files, std::uint64_t first) {
  const auto number_of = [&](const spare_candidate& f) {
    const auto number = number_in(f.name, spare_prefix);
    return number && *number >= first ? *number : spare_number_max;
  };
  std::stable_sort(files.begin(), files.end(),
                   [&](const auto& a, const auto& b) { return number_of(a) < number_of(b); });
  spare_plan plan;
  for (spare_candidate& f : files) {
    if (!f.fits || plan.ready == spares_kept_max) {
      plan.removed.push_back(std::move(f.name));
      continue;
    }
    std::string wanted = file_name(spare_prefix, first + plan.ready++);
    if (f.name != wanted) plan.renamed.push_back({std::move(f.name), std::move(wanted)});
  }
  return plan;
}

result<kept_spares> keep_as_spares(log_device& device, std::uint64_t segment_bytes,
                                   std::uint64_t unused, std::uint64_t first) {
  const auto names = names_of_candidates(device, unused);
  if (!names) return names.error();
  if (names->empty()) return kept_spares{};
  std::vector<spare_candidate> files;
  for (const std::string& name : *names) {
    const auto fits = has_length(device, name, segment_bytes);
    if (!fits) return fits.error();
    files.push_back({name, *fits});
  }
  const spare_plan plan = plan_spares(std::move(files), first);
  for (const std::string& name : plan.removed) {
    if (status s = device.remove(name); !s) return s.error();
  }
  for (const auto& [from, to] : plan.renamed) {
    if (status s = device.rename(from, to); !s) return s.error();
  }
  // Also if nothing was changed: what a process that was killed has renamed need not be durable, and under its
  // old name nobody may find the header that it gets.
  if (status s = device.sync_directory(); !s) return s.error();
  return kept_spares{.ready = {first, plan.ready},
                     .renamed = static_cast<std::uint32_t>(plan.renamed.size()),
                     .removed = static_cast<std::uint32_t>(plan.removed.size())};
}

}  // namespace pawl
