// limits_text.hpp -- reads how fast jobs may start, such as "50/s", and what a queue may do, such as
// "mail:concurrency=4,rate=50/s".
//
//   COUNT/TIME           at most COUNT starts in each TIME, evenly spaced. A TIME of one unit needs no
//                        number: 50/s, 600/m, 1/250ms. It is at most 24 hours, and COUNT at most one
//                        for each nanosecond of it
//   COUNT/TIME,burst=N   and N of them at once after a rest; else 1
//   NAME                 a queue as every other
//   NAME:PART,PART...    parts are concurrency=N, rate=COUNT/TIME, burst=N, weight=N (1 to 1000), each at
//                        most once, in any order
#pragma once

#include <string>
#include <string_view>

#include "parsed.hpp"
#include "pawl/options.hpp"

namespace pawl_tool {

struct named_queue {
  std::string name;
  pawl::queue_options options;  // limits and weight; the rest as it is
};

[[nodiscard]] parsed<pawl::rate_limit> parse_rate(std::string_view text);
[[nodiscard]] parsed<named_queue> parse_queue(std::string_view text);

}  // namespace pawl_tool
