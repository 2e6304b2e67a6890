// backoff_text.hpp -- reads how long to wait before a retry, such as "exp:500ms,x2,cap=5m".
//
//   TIME                the same as fixed:TIME
//   fixed:TIME          always that long
//   linear:TIME         TIME, then 2 TIME, 3 TIME, ...
//   exp:TIME[,xN]       TIME, then N TIME, N^2 TIME, ...; N is 1 to 1000, else 2
//   table:TIME,TIME...  these, at most 8; the last one again when they run out
//
// and, after a comma: cap=TIME, the longest delay of linear and exp (5 minutes, or TIME if that is
// more); jitter=none, full, equal or decorrelated (equal for exp, else none; decorrelated is for
// linear and exp). No TIME is above a year.
#pragma once

#include <string_view>

#include "parsed.hpp"
#include "pawl/retry.hpp"

namespace pawl_tool {

[[nodiscard]] parsed<pawl::backoff> parse_backoff(std::string_view text);

}  // namespace pawl_tool
