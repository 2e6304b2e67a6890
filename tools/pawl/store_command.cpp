#include "store_command.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "printable.hpp"
#include "state_commands.hpp"
#include "store_session.hpp"
#include "wal_commands.hpp"

namespace pawl_tool {

namespace {

int do_verb(const store_session& with) {
  switch (with.asked.verb) {
    case store_verb::wal_ls:
      return list_segments(with);
    case store_verb::wal_dump:
      return dump_records(with);
    case store_verb::wal_verify:
      return verify_log(with);
    case store_verb::wal_stat:
      return count_records(with);
    case store_verb::wal_tail:
      return tail_log(with);
    case store_verb::store_info:
      return show_store(with);
    case store_verb::store_check:
      return check_store(with);
    case store_verb::jobs_ls:
    case store_verb::dead_ls:
      return list_jobs(with);
    case store_verb::jobs_results:
      return list_results(with);
    case store_verb::jobs_show:
    case store_verb::dead_show:
      return show_job(with);
  }
  return exit_failed;
}

}  // namespace

int read_store(const store_query& asked) {
  console messages;
  ::signal(SIGPIPE, SIG_IGN);  // who has read enough of us is no trouble
  auto store = store_reader::open(asked.directory);
  if (!store) {
    messages.message(printable(asked.directory) + ": " + text_of(store.error()));
    return exit_code_of(store.error());
  }
  output_buffer out(output_buffer::stream::output, messages);
  const int exit_code = do_verb({asked, **store, out, messages});
  out.flush();
  if (out.failed_errno() == 0 || out.failed_errno() == EPIPE) return exit_code;
  messages.message(std::string("cannot write standard output: ") +
                   std::strerror(out.failed_errno()));
  return exit_failed;
}

}  // namespace pawl_tool
