// state_commands.hpp -- `pawl store`, `pawl jobs`, `pawl dead`: what a store holds, as an opening would
// find it.
#pragma once

#include "store_session.hpp"

namespace pawl_tool {

// Each prints what it found and returns the exit code.
int show_store(const store_session& with);
int check_store(const store_session& with);
// Jobs that go on, or with state "dead", or asked of `pawl dead`, dead ones.
int list_jobs(const store_session& with);
int show_job(const store_session& with);
// What completed jobs have left behind, oldest first, as `pawl run` prints it.
int list_results(const store_session& with);

}  // namespace pawl_tool
