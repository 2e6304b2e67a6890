// pawl/unique.hpp -- jobs of which there may be only one at a time, told apart by a key.
//
//   const pawl::unique_key once{.key = "invoice 4711"};
//   auto answer = s->submit(queue, send, letter, {.unique = &once});
//
// A job holds its key from its submit until it starts or until it ends, as `until` says, and at least
// for `ttl`. A submit with a key that is held is a duplicate; what becomes of it, its own on_duplicate
// decides. Of several submits of one key at the same time exactly one is the first.
//
// While the job that holds the key      waits                    has started        has ended (ttl)
//   reject                              rejected                 rejected           rejected
//   existing                            that job is the answer   that job           that job
//   replace                             it ends as cancelled     rejected           rejected
//   keep_last                           it ends as cancelled     accepted           rejected
//
// A job waits while it is scheduled, ready or blocked; one that waits for its next attempt waits too.
// Whether a job still waited or had started is decided by its state's one change, so a job is either
// replaced or run, never both.
//
// keep_last: the new job becomes the holder of the key, so beside the one that runs at most one waits:
// a later submit replaces that one. It is an ordinary job and may start before the running one has
// ended.
//
// Room: a duplicate needs none in its queue or the scheduler, and a job that replaces one of the same
// queue takes that one's; it is not refused because the queue is full, and sheds nobody.
// Price: a submit of such a job looks a hash of the key up twice, its end once (and its start, with
// `started`), each under one of 64 locks which nothing else takes. The text is not kept: keys count
// as equal if 128 bits of hash are, with a seed drawn by each scheduler, or by each directory.
// Recovery: a key is held in the next process as in this one, if its job is logged; by a ttl also after
// the job has ended. Where jobs with one key replaced each other, the longest of their ttls counts then.
// Memory: 32 bytes and some per key that is held, 128 bytes per job. The entry of an ended job that
// `ttl` keeps is dropped some time after that has passed, by submits and ends of other unique jobs.
#pragma once

#include <cstdint>
#include <string_view>

#include "pawl/job.hpp"

namespace pawl {

// Where the key is the only one of its text.
enum class unique_scope : std::uint8_t {
  queue,      // among the unique jobs of the queue with this scope
  kind,       // of the kind, in whatever queue
  scheduler,  // of the scheduler
};

// How long a job holds its key.
enum class unique_until : std::uint8_t {
  finished,  // until it has ended; retries included
  started,   // until its first attempt begins; it does not take the key again for a retry
};

// What becomes of the submit of a duplicate; see the table above.
enum class on_duplicate : std::uint8_t {
  reject,    // reject::duplicate, and submit_answer::original says of whom
  existing,  // it counts as done: submit_answer::ticket names the job that is there
  replace,   // the newest wins, unless the older one has started: then as `reject`
  keep_last  // the newest wins, and if the older one has started comes as well
};

struct unique_key {
  std::string_view key;  // not empty; any bytes; read during the submit only
  unique_scope scope = unique_scope::queue;
  unique_until until = unique_until::finished;
  // Since the submit: the key is held so long at least, also when the job has ended before; at most 100
  // years. 0: not longer than `until` says. A job that replaces another brings its own.
  duration ttl{0};
  pawl::on_duplicate on_duplicate = pawl::on_duplicate::reject;
};

}  // namespace pawl
