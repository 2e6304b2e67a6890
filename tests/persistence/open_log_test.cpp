// Openings of real directories, one after the other; and the lock.
#include "persistence/open_log.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "persistence/boot_now.hpp"
#include "persistence/segment_name.hpp"
#include "persistence/state_history.hpp"
#include "persistence/state_text.hpp"
#include "support/scratch_directory.hpp"

namespace pawl::test {
namespace {

log_request request_for(const std::string& directory) {
  log_request r;
  r.directory = directory;
  r.device = device_choice::posix;
  r.segment_bytes = 1u << 20;
  r.now = moment(1'000);
  r.kinds = {{"mail"}, {"report"}};
  return r;
}

// Has the log hold what the history says, in ring 1.
void write(opened_log& log, const state_history& h) {
  group_bytes ring;
  for (const group_bytes& g : h.groups) ring.insert(ring.end(), g.begin(), g.end());
  const cut_part part{1, 0, ring};
  ASSERT_TRUE(log.writer->write(log.next_lsn, {&part, 1}, moment(1'000)));
  ASSERT_TRUE(log.writer->sync());
}

state_history long_history() {
  random_source random(fresh_seed());
  state_history h(random());
  for (int i = 0; i < 200; ++i) one_in(random, 9) ? h.thing() : h.step();
  return h;
}

TEST(open_log, a_new_directory_begins_with_epoch_1_and_each_opening_takes_the_next) {
  scratch_directory scratch;
  const std::string path = scratch.path() + "/new";
  id_bytes id{};
  for (std::uint64_t epoch = 1; epoch <= 4; ++epoch) {
    auto log = open_log(request_for(path));
    ASSERT_TRUE(log) << log.error().where;
    EXPECT_EQ(log->report.epoch, epoch);
    EXPECT_EQ(log->report.how,
              epoch == 1 ? opened_record::before::nothing : opened_record::before::not_closed);
    if (epoch == 1) id = log->directory_id;
    EXPECT_EQ(log->directory_id, id);
    EXPECT_EQ(log->state->number_of(name_space::kind, "report"), 2u);
    EXPECT_EQ(log->first_generation, 1 + (epoch - 1) * generations_at_open);
    EXPECT_EQ(log->floor, 1 + epoch * generations_at_open);
    EXPECT_EQ(log->next_lsn, epoch + 1);
  }
  struct stat is {};
  ASSERT_EQ(::stat(path.c_str(), &is), 0);
  EXPECT_EQ(is.st_mode & 07777, 0700u);
}

TEST(open_log, gives_the_same_state_whenever_it_is_opened) {
  scratch_directory scratch;
  const state_history h = long_history();
  log_request request = request_for(scratch.path());
  request.kinds.clear();
  {
    auto log = open_log(request);
    ASSERT_TRUE(log);
    write(*log, h);
  }
  std::string before;
  for (int i = 0; i < 3; ++i) {
    auto log = open_log(request);
    ASSERT_TRUE(log) << log.error().where;
    EXPECT_EQ(log->report.jobs + log->report.dead, h.jobs.size());
    const std::string now = text_of(*log->state, job_order::same);
    if (i != 0) {
      EXPECT_EQ(now, before);
    }
    before = now;
  }
}

TEST(open_log, says_whether_the_epoch_before_was_closed) {
  scratch_directory scratch;
  {
    auto log = open_log(request_for(scratch.path()));
    ASSERT_TRUE(log);
    const group_bytes closed = group_of({closed_record{log->report.epoch}});
    const cut_part part{1, 0, closed};
    ASSERT_TRUE(log->writer->write(log->next_lsn, {&part, 1}, moment(1'000)));
    ASSERT_TRUE(log->writer->sync());
  }
  EXPECT_EQ(open_log(request_for(scratch.path()))->report.how, opened_record::before::closed);
  EXPECT_EQ(open_log(request_for(scratch.path()))->report.how, opened_record::before::not_closed);
}

std::set<std::string> names_in(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    names.insert(entry.path().filename().string());
  return names;
}

TEST(open_log, removes_what_is_no_segment_and_leaves_what_is_of_others) {
  scratch_directory scratch;
  for (const char* name : {"spare-00000000000000aa.seg", "of-somebody"})
    std::ofstream(scratch.path() + '/' + name) << "anything";
  const auto log = open_log(request_for(scratch.path()));
  ASSERT_TRUE(log);
  EXPECT_EQ(log->report.segments_removed, 1u);
  EXPECT_EQ(log->report.segments_recycled, 0u);
  EXPECT_EQ(names_in(scratch.path()),
            (std::set<std::string>{"board", "lock", "of-somebody", file_name(segment_prefix, 1)}));
}

// The same files serve epoch after epoch: the log begins in the spare, and what it leaves behind is the next one.
TEST(open_log, segments_of_older_epochs_are_used_again) {
  scratch_directory scratch;
  const auto file_of = [&](std::string_view prefix, std::uint64_t number) {
    struct stat is {};
    const std::string path = scratch.path() + '/' + file_name(prefix, number);
    EXPECT_EQ(::stat(path.c_str(), &is), 0) << path;
    return is.st_ino;
  };
  ASSERT_TRUE(open_log(request_for(scratch.path())));
  ino_t older = file_of(segment_prefix, 1);
  ASSERT_TRUE(open_log(request_for(scratch.path())));
  EXPECT_EQ(file_of(spare_prefix, 3), older);
  for (std::uint64_t epoch = 3; epoch < 6; ++epoch) {
    const ino_t before = file_of(segment_prefix, epoch - 1);
    const auto log = open_log(request_for(scratch.path()));
    ASSERT_TRUE(log) << log.error().where;
    EXPECT_EQ(log->report.segments_recycled, 1u);
    EXPECT_EQ(log->report.segments_removed, 0u);
    EXPECT_EQ(file_of(segment_prefix, epoch), older);
    EXPECT_EQ(file_of(spare_prefix, epoch + 1), before);
    EXPECT_EQ(log->spares.count(), 1u);
    EXPECT_EQ(names_in(scratch.path()).size(), 4u);
    older = before;
  }
}

TEST(open_log, segments_of_another_length_are_not_used_again) {
  scratch_directory scratch;
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(open_log(request_for(scratch.path())));
  log_request other = request_for(scratch.path());
  other.segment_bytes = 2u << 20;
  {
    const auto log = open_log(other);
    ASSERT_TRUE(log) << log.error().where;
    EXPECT_EQ(log->report.segments_removed, 2u) << "the spare, and the old segment";
    EXPECT_EQ(log->report.segments_recycled, 0u);
  }
  EXPECT_EQ(names_in(scratch.path()),
            (std::set<std::string>{"board", "lock", file_name(segment_prefix, 3)}));
  ASSERT_TRUE(open_log(other));
  EXPECT_EQ(std::filesystem::file_size(scratch.path() + '/' + file_name(spare_prefix, 5)),
            2u << 20);
}

// Of a long log two segments stay.
TEST(open_log, keeps_two_spares_and_no_more) {
  scratch_directory scratch;
  log_request small = request_for(scratch.path());
  small.segment_bytes = segment_bytes_min;
  {
    auto log = open_log(small);
    ASSERT_TRUE(log);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(log->writer->prepare(moment(1'000)));
  }
  const auto log = open_log(small);
  ASSERT_TRUE(log) << log.error().where;
  EXPECT_EQ(log->report.segments_recycled, 2u);
  EXPECT_EQ(log->report.segments_removed, 4u);
  EXPECT_EQ(names_in(scratch.path()),
            (std::set<std::string>{"board", "lock", file_name(segment_prefix, 7),
                                   file_name(spare_prefix, 8), file_name(spare_prefix, 9)}));
}

TEST(open_log, a_damaged_header_is_refused_and_nothing_is_changed) {
  scratch_directory scratch;
  ASSERT_TRUE(open_log(request_for(scratch.path())));
  const std::string segment = scratch.path() + '/' + file_name(segment_prefix, 1);
  {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(40);
    file.put('x');
  }
  const auto content = [&] {
    std::ifstream file(segment, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string before = content();
  log_fault why{};
  const auto log = open_log(request_for(scratch.path()), &why);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, errc::corrupt);
  EXPECT_EQ(why.segment, 1u);
  EXPECT_EQ(content(), before);
  EXPECT_FALSE(std::filesystem::exists(scratch.path() + '/' + file_name(segment_prefix, 2)));
}

TEST(open_log, one_opening_at_a_time) {
  scratch_directory scratch;
  auto first = open_log(request_for(scratch.path()));
  ASSERT_TRUE(first);
  const auto second = open_log(request_for(scratch.path()));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, errc::busy);
  EXPECT_EQ(directory_lock::holder(scratch.path()), ::getpid());
  directory_lock moved = std::move(first->lock);
  EXPECT_EQ(open_log(request_for(scratch.path())).error().code, errc::busy);
  moved = directory_lock();
  EXPECT_TRUE(directory_lock::acquire(scratch.path(), {}));
}

TEST(directory_lock, goes_with_its_process) {
  scratch_directory scratch;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = directory_lock::acquire(scratch.path(), {});
    ::_exit(lock ? 0 : 1);  // without its destructor
  }
  int how = 0;
  ASSERT_EQ(::waitpid(child, &how, 0), child);
  EXPECT_EQ(how, 0);
  EXPECT_EQ(directory_lock::holder(scratch.path()), child);
  EXPECT_TRUE(directory_lock::acquire(scratch.path(), {}));
}

TEST(directory_lock, a_forked_child_does_not_give_it_away) {
  scratch_directory scratch;
  auto lock = directory_lock::acquire(scratch.path(), {});
  ASSERT_TRUE(lock);
  const pid_t child = ::fork();
  if (child == 0) {
    *lock = directory_lock();
    ::_exit(0);
  }
  int how = 0;
  ASSERT_EQ(::waitpid(child, &how, 0), child);
  EXPECT_EQ(directory_lock::acquire(scratch.path(), {}).error().code, errc::busy);
}

TEST(boot_now, reads_ids_and_refuses_what_is_none) {
  const auto id = read_boot_id();
  ASSERT_TRUE(id);
  EXPECT_EQ(*boot_id_of(boot_id_text(*id) + "\n"), *id);
  EXPECT_FALSE(boot_id_of(""));
  EXPECT_FALSE(boot_id_of("01234567-89ab-cdef-0123-456789abcdeg"));
  EXPECT_FALSE(boot_id_of("0123456-789ab-cdef-0123-456789abcdef"));
}

}  // namespace
}  // namespace pawl::test
