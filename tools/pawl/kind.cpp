#include "kind.hpp"

#include <cstdlib>

namespace pawl_tool {

std::string_view name(kind_name which) noexcept {
  switch (which) {
    case kind_name::digest:
      return "digest";
    case kind_name::exec:
      return "exec";
    case kind_name::noop:
      return "noop";
    case kind_name::sleep:
      return "sleep";
  }
  return "";
}

std::string stored_name(kind_name which) {
  return "run." + std::string(name(which)) + "/1";
}

namespace {

std::unique_ptr<kind> make_kind(kind_name which, const run_settings& settings,
                                const stop_request& stop, capture_budget& captures) {
  switch (which) {
    case kind_name::digest:
      return make_digest_kind(stop);
    case kind_name::exec:
      return make_exec_kind(settings, stop, captures);
    case kind_name::noop:
      return make_noop_kind();
    case kind_name::sleep:
      return make_sleep_kind(settings, stop);
  }
  std::abort();
}

}  // namespace

kind_set::kind_set(const run_settings& settings, const stop_request& stop,
                   capture_budget& captures) {
  for (const kind_name which : all_kinds) {
    if (!settings.jsonl && which != settings.kind) continue;
    kinds_[static_cast<std::size_t>(which)] = make_kind(which, settings, stop, captures);
  }
}

}  // namespace pawl_tool
