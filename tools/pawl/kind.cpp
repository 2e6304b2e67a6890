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

std::unique_ptr<kind> make_kind(const run_settings& settings, const stop_request& stop,
                                capture_budget& captures) {
  switch (settings.kind) {
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

}  // namespace pawl_tool
