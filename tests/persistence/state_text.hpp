// persistence/state_text.hpp -- all of a durable_state as a text, so that two can be compared.
#pragma once

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "persistence/durable_state.hpp"

namespace pawl::test {

// Whether it matters in which order the jobs were submitted.
enum class job_order { any, same };

inline void put(std::ostream& out, byte_span bytes) {
  for (const std::byte b : bytes) out << std::to_integer<int>(b) << ',';
}

inline std::string text_of(const durable_job& job) {
  std::ostringstream out;
  out << job.id.value << " v" << job.version << " dead " << job.is_dead << '/'
      << static_cast<int>(job.cause) << " of " << job.queue << '/' << job.kind << '/'
      << job.tenant.value_or(0) << '/' << job.tag.value_or(0) << " priority "
      << static_cast<int>(job.priority) << " attempts " << int{job.attempt} << '/'
      << int{job.pushbacks} << '/' << int{job.crashes} << '/' << int{job.attempts_max} << " codec "
      << job.codec << '/' << job.payload_version << " at " << job.submitted_ns << '/'
      << job.state_wall_ns << " expires " << job.expires_ns.value_or(0) << " timeout "
      << job.run_timeout_ns.value_or(0) << " deadline " << job.deadline_ns.value_or(0) << " exact "
      << job.exact_priority.value_or(0);
  if (job.due) out << " due " << static_cast<int>(job.due->clock) << ':' << job.due->ns;
  if (job.unique) out << " unique " << job.unique->hash.high << ':' << job.unique->ttl_wall_ns;
  if (job.lane) out << " lane " << job.lane->key << ':' << job.lane->order;
  if (job.parent) out << " parent " << job.parent->id.value << ':' << job.parent->ordinal;
  if (job.backoff) out << " backoff " << job.backoff->base.count();
  if (job.trace) out << " trace " << int{job.trace->flags};
  for (const durable_error& e : job.errors) {
    out << " error " << e.version << ':' << e.wall_ns << ':' << int{e.attempt} << ':' << e.kind
        << ':' << e.text;
  }
  out << " payload ";
  put(out, job.payload);
  return out.str();
}

inline std::string text_of(const durable_state& state, job_order order) {
  std::ostringstream out;
  for (const name_space space : {name_space::queue, name_space::kind, name_space::tenant,
                                 name_space::source, name_space::tag}) {
    for (const auto& [number, text] : state.names(space))
      out << "name " << static_cast<int>(space) << ' ' << number << ' ' << text << '\n';
  }
  for (const auto& [key, s] : state.settings()) {
    const setting_record r = record_of(key, s);
    std::vector<std::byte> bytes(encoded_bytes(r));
    byte_writer w(bytes);
    encode(r, more::no, w);
    out << "setting ";
    put(out, bytes);
    out << '\n';
  }
  for (const auto& [source, c] : state.cursors()) {
    out << "cursor " << source << ' ' << c.order << ' ';
    put(out, c.position);
    out << '\n';
  }
  for (const auto& [id, r] : state.results()) {
    out << "result " << id << ' ' << r.version << ' ';
    put(out, r.value);
    out << '\n';
  }
  for (const auto& [hash, k] : state.keys()) {
    if (k.state == key_record::held::free) continue;  // a base may leave it out
    out << "key " << hash.high << ' ' << k.order << ' ' << static_cast<int>(k.state) << ' '
        << k.holder.value << ' ' << k.until_wall_ns << '\n';
  }
  for (const auto* jobs : {&state.live(), &state.dead()}) {
    std::vector<std::string> lines;
    for (const durable_job* job : *jobs) lines.push_back(text_of(*job));
    if (order == job_order::any) std::sort(lines.begin(), lines.end());
    for (const std::string& line : lines) out << line << '\n';
  }
  return out.str();
}

}  // namespace pawl::test
