// store_session.hpp -- what a reader of a store works with, and what all of them say at their end.
#pragma once

#include "console.hpp"
#include "output_buffer.hpp"
#include "store_query.hpp"
#include "store_reader.hpp"

namespace pawl_tool {

struct store_session {
  const store_query& asked;
  store_reader& store;
  output_buffer& out;
  console& messages;
};

// Not of a directory without a segment, which may be anything.
[[nodiscard]] inline bool is_store(const reading& r) noexcept {
  return r.summary.epoch != 0 || r.summary.fault;
}

// Says how far the reading came and what is wrong, if anything is. Returns the exit code.
inline int conclude(const store_session& with, const reading& r) {
  with.out.flush();
  if (!is_store(r)) {
    with.messages.message("there is no store: the directory holds no log");
    return exit_not_found;
  }
  if (!with.asked.quiet) with.messages.message(as_of(r));
  if (!r.summary.fault) return 0;
  with.messages.message(text_of(*r.summary.fault));
  return exit_code_of(r.summary.fault->cause);
}

}  // namespace pawl_tool
