#include "store_help.hpp"

namespace pawl_tool {

namespace {

constexpr std::string_view wal_help = R"(Examples:
  pawl wal verify jobs
  pawl wal dump jobs --since 15m --queue mail
  pawl wal dump jobs --id 68719476737 --payload -o jsonl | jq .
  pawl wal stat jobs --lsn 100..200
  pawl wal tail jobs

Looks at the log of a store, record by record.
DIR is what a program gave as options::directory. verify says what of the log counts: its segments, epochs,
frames, cuts (LSNs) and records, and what was decided at its end: sound, a torn tail that an opening would
leave out, or damage.)";

constexpr std::string_view store_help = R"(Examples:
  pawl store info jobs
  pawl store check jobs && echo sound

Looks at a store as a whole.
check reads all of it, as pawl wal verify does, and tells also what in
the directory is left over, is no part of a store, or would keep a scheduler from opening it.)";

constexpr std::string_view jobs_help = R"(Examples:
  pawl jobs ls jobs --queue mail --state scheduled --limit 20
  pawl jobs show jobs 68719476737 --payload
  pawl jobs results jobs -o jsonl | jq .output

Looks at the jobs of a store, as an opening would find them.
results prints what completed jobs have left behind, oldest first: of pawl run --store what it has printed,
as text or JSON; of other programs the bytes as they are.
State ready: it waits for its turn, or runs; a log
does not say which. State scheduled: it is due later. Dead ones are shown with --state dead, or by pawl dead.)";

constexpr std::string_view dead_help = R"(Examples:
  pawl dead ls jobs --since 1h
  pawl dead ls jobs -o jsonl --payload > dead.jsonl
  pawl dead show jobs 68719476737

Looks at the dead jobs of a store, each with its last errors.)";

constexpr std::string_view for_all_help = R"(

Nothing is written, and no lock is taken: a scheduler may have the store open and go on. What is shown is
the state of one moment, and a line on standard error says of which: as of LSN and time, and which process
has the store open. Texts of jobs are quoted and escaped where they are no plain words; in JSON a payload that
is no text is payload_hex. TIME is such as 2026-11-26T15:39:29Z (UTC), 2026-11-26, or 15m: so long ago.

Exit codes: 0 sound and shown, 1 failed, 2 wrong usage, 3 no such store or job, 4 it is no store or one
of a later release, 5 damage was found (what came before it is shown), 130 interrupted.)";

}  // namespace

std::string help_of(std::string_view command) {
  const std::string_view own = command == "wal"     ? wal_help
                               : command == "store" ? store_help
                               : command == "jobs"  ? jobs_help
                                                    : dead_help;
  return std::string(own) + std::string(for_all_help);
}

}  // namespace pawl_tool
