// base/check.hpp -- programming mistakes end the process, with a message.
//
// Operating errors are values (pawl/error.hpp). CHECK is for what can only be false if Pawl itself
// is wrong; it stays on in the release because it is cheap where it stands.
#pragma once

namespace pawl {

[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace pawl

#define PAWL_CHECK(expression) \
  (static_cast<bool>(expression) ? void() : ::pawl::check_failed(#expression, __FILE__, __LINE__))
