// noop_kind.cpp -- does nothing, to see what everything around it costs.
#include "kind.hpp"
#include "printable.hpp"

namespace pawl_tool {

namespace {

class noop_kind final : public kind {
 public:
  void run(const job_input&, job_result&) override {}
  std::string describe(const job_input& input) const override {
    return ": " + shell_word(input.text);
  }
};

}  // namespace

std::unique_ptr<kind> make_noop_kind() {
  return std::make_unique<noop_kind>();
}

}  // namespace pawl_tool
