// pawl/error.hpp -- how a call reports that it failed.
//
// No function of Pawl throws. What can go wrong in operation is a value: `result<T>` holds what was
// asked for or a `failure`; `status` is a result without a value. A programming mistake inside Pawl
// is not in this list: it aborts with a message.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>

#include "pawl/export.hpp"

namespace pawl {

// Expected failures. Each function lists the ones it can return, with their causes.
enum class errc : std::uint8_t {
  busy,       // another process holds the directory, or a handler the job
  corrupt,    // a checksum or an invariant on disk does not hold
  forked,     // this process is a fork of the one that opened the scheduler
  full,       // a fixed limit was reached
  invalid,    // an argument or an option is out of its documented range
  io,         // a system call failed; failure::sys_errno says which way
  memory,     // the memory that the options ask for is not to be had
  no_space,   // the disk is full
  not_found,  // no job, queue or kind of that name or id was ever known here
  stale,      // the job has ended, or the version named is not its current one
  stopping,   // stop() or the destructor has begun
  timeout,    // the limit the caller gave has passed
  version,    // a file was written by a release this one cannot read
};

// The enumerator's own name, such as "not_found".
[[nodiscard]] PAWL_EXPORT std::string_view name(errc code) noexcept;

struct failure {
  errc code = errc::invalid;
  int sys_errno = 0;            // errno of the failed system call, else 0
  std::string_view where = {};  // a string literal naming the cause, such as "options.drains"
};

// A value, or the failure that prevented it. Member names are those of std::expected (C++23).
// Dereferencing a result that holds a failure is a programming mistake.
template <class T>
class [[nodiscard]] result {
 public:
  result(T value) noexcept : state_(std::in_place_index<0>, std::move(value)) {}
  result(failure f) noexcept : state_(std::in_place_index<1>, f) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }
  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  T& operator*() & noexcept { return *std::get_if<0>(&state_); }
  const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }
  [[nodiscard]] failure error() const noexcept { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, failure> state_;
};

using status = result<std::monostate>;

}  // namespace pawl
