// result_format.hpp -- a result as text, or as one line of JSON.
#pragma once

#include <string>
#include <string_view>

#include "job_result.hpp"
#include "output_buffer.hpp"

namespace pawl_tool {

// Text: the job's output as it is; what it wrote to standard error, and a line that says what went
// wrong, go to `errors`.
void write_text(const job_result& result, output_buffer& out, output_buffer& errors);

// One object, in one line. Its members, always all of them:
//   id           string; null when the line never became a job (ids use 64 bits, which many JSON
//                readers cannot hold as a number)
//   line         number of the line in the input, from 1
//   input        the line; of one that is too long, its beginning. With --jsonl the payload, a string
//                or an array; of a line that is no job, the line
//   kind         null when the line is no job and the command line says none
//   tag          as given on the command line, or null
//   state        "completed", "dead" or "refused"
//   cause        null, or why it is dead or refused, in one word. Dead: "handler" (it failed, and no
//                attempts were to follow), "exhausted" (all attempts failed), "timeout". Refused:
//                "malformed", "too_large", or another reason of the scheduler's
//   attempts     how often it was started; all that follows is of its last attempt
//   exit_code    number or null; exec only
//   signal       number or null; exec only
//   error        null, or what went wrong, for a person
//   column       refused for something in the line: where, in bytes from 1; else null
//   wait_ns      from its acceptance and delay to the start of its last attempt
//   run_ns
//   output       what it wrote to standard output
//   error_output what it wrote to standard error
//   cut          true: the store that they come from has kept only the beginning of these two
void write_jsonl(const job_result& result, std::string_view tag, output_buffer& out);

}  // namespace pawl_tool
