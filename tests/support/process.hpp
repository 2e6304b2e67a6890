// support/process.hpp -- what the kernel says of this process, and children of it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace pawl::test {

// Entries of /proc/self/task, without threads of a sanitizer's run time.
std::size_t thread_count();
// The names of all threads, sorted.
std::vector<std::string> thread_names();
// Entries of /proc/self/fd, without the one that reads it.
std::size_t descriptor_count();
// Resident memory now. Under TSan with that run time's shadows, which do not shrink.
std::size_t resident_bytes();
// How much of a mapping is resident, shadows apart. `first` is the beginning of a page.
std::size_t resident_bytes_of(const void* first, std::size_t bytes);
// The line "Key:" of /proc/self/status or of a thread's, without the key and white space.
std::string status_line(const std::string& key, const std::string& task = "self");

// Runs `body` in a child made by fork(), which then leaves with exit() and the number that body
// returned. The answer: that number, 128 + the signal that ended it, or -1 if it was still there
// after `seconds` (it is killed then).
int exit_code_of_child(const std::function<int()>& body, int seconds = 60);

}  // namespace pawl::test
