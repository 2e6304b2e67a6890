#include "stored_jobs.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>

namespace pawl_tests {

namespace {

template <class T>
T value_of(pawl::result<T> got) {
  if (got) return std::move(*got);
  ADD_FAILURE() << name(got.error().code) << ' ' << got.error().where;
  std::abort();
}

}  // namespace

stored_jobs::stored_jobs() : path_(folder_.path() + "/store") {
  note_ = kinds_.add("note/1", &stored_jobs::do_nothing, nullptr);
  dies_ = kinds_.add("die/1", &stored_jobs::die, nullptr, {.max_attempts = 1});
}

pawl::outcome stored_jobs::die(void*, pawl::context& job, std::span<const std::byte>) {
  return job.fail("no such \x1b[2J host", 7);
}

pawl::outcome stored_jobs::do_nothing(void*, pawl::context&, std::span<const std::byte>) {
  return pawl::outcome::done();
}

void stored_jobs::open(bool dispatch) {
  pawl::options o;
  o.directory = path_;
  o.segment_bytes = 256u << 10;
  o.drains = 1;
  o.jobs_max = 4'096;
  o.dispatch = dispatch;
  scheduler_ = value_of(pawl::scheduler::open(o, kinds_));
}

void stored_jobs::close() {
  EXPECT_TRUE(scheduler_->stop(std::chrono::seconds(30)));
  scheduler_.reset();
}

std::uint64_t stored_jobs::submit(pawl::queue_ref queue, pawl::kind_ref kind,
                                  std::string_view payload, const pawl::job_options& how) {
  const auto answer = scheduler_->submit(
      queue, kind, std::as_bytes(std::span(payload.data(), payload.size())), how);
  EXPECT_TRUE(answer) << name(answer.reason);
  EXPECT_TRUE(scheduler_->wait_durable(answer.ticket, std::chrono::seconds(30)));
  return answer.ticket.id.value;
}

std::uint64_t stored_jobs::submit(std::string_view queue, std::string_view payload,
                                  const pawl::job_options& how) {
  return submit(value_of(scheduler_->queue(queue)), note_, payload, how);
}

std::uint64_t stored_jobs::submit_dying(std::string_view payload) {
  return submit(value_of(scheduler_->queue("mail")), dies_, payload, {});
}

void stored_jobs::wait_for_dead(std::uint64_t count) const {
  const auto dead = [&] {
    std::uint64_t sum = 0;
    for (const std::uint64_t n : scheduler_->read_counters().dead) sum += n;
    return sum;
  };
  EXPECT_TRUE(becomes_true([&] { return dead() == count; }));
}

words stored_jobs::segments() const {
  words names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    if (entry.path().filename().string().starts_with("wal-")) names.push_back(entry.path());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string stored_jobs::everything() const {
  words files;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    struct stat is {};
    const std::string file = entry.path();
    EXPECT_EQ(::stat(file.c_str(), &is), 0);
    files.push_back(file + ' ' + std::to_string(is.st_mtim.tv_sec) + '.' +
                    std::to_string(is.st_mtim.tv_nsec) + ' ' + std::to_string(is.st_ctim.tv_nsec) +
                    content_of(file));
  }
  std::sort(files.begin(), files.end());
  std::string all;
  for (const std::string& file : files) all += file + '\n';
  return all;
}

process_end stored_jobs::run(words arguments) const {
  arguments.insert(arguments.begin() + 2, path_);
  return run_pawl(arguments, "");
}

void overwrite(const std::string& file, std::size_t offset, std::string_view bytes) {
  std::fstream to(file, std::ios::binary | std::ios::in | std::ios::out);
  to.seekp(static_cast<std::streamoff>(offset));
  to << bytes;
}

std::string content_of(const std::string& file) {
  std::ifstream from(file, std::ios::binary | std::ios::ate);
  std::string content(from ? static_cast<std::size_t>(from.tellg()) : 0, '\0');
  from.seekg(0);
  from.read(content.data(), static_cast<std::streamsize>(content.size()));
  return content;
}

}  // namespace pawl_tests
