// persistence/record_text.hpp -- every field of a record as one line of text: what tests compare, and what
// stands beside the golden bytes.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>

#include "persistence/record_any.hpp"

namespace pawl::test {

class record_text {
 public:
  static std::string of(const any_record& x) {
    record_text t;
    t.out_ << name(kind_of(x));
    std::visit([&t](const auto& record) { t.add(record); }, x);
    return t.out_.str();
  }

 private:
  template <class T>
  record_text& field(const char* key, const T& value) {
    out_ << ' ' << key << '=';
    if constexpr (std::is_enum_v<T>) {
      out_ << static_cast<int>(value);
    } else if constexpr (std::is_same_v<T, job_id>) {
      out_ << value.value;
    } else if constexpr (std::is_same_v<T, duration>) {
      out_ << value.count();
    } else if constexpr (std::is_same_v<T, key_hash>) {
      out_ << value.high << ':' << value.low;
    } else if constexpr (std::is_same_v<T, clock_time>) {
      out_ << (value.clock == clock_name::boot ? "boot:" : "wall:") << value.ns;
    } else if constexpr (std::is_convertible_v<T, std::string_view>) {
      quote(value);
    } else if constexpr (std::is_convertible_v<T, byte_span>) {
      quote(as_text(value));
    } else {
      out_ << +value;
    }
    return *this;
  }
  template <class T>
  record_text& field(const char* key, const std::optional<T>& value) {
    if (value) field(key, *value);
    return *this;
  }
  void quote(std::string_view text) {
    static constexpr char digits[] = "0123456789abcdef";
    out_ << '"';
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
        out_ << c;
      } else {
        out_ << "\\x" << digits[byte >> 4] << digits[byte & 15];
      }
    }
    out_ << '"';
  }
  template <class List>
  void items(const char* key, const List& list) {
    out_ << ' ' << key << '=' << list.size() << '[';
    for (const auto& item : list) {
      out_ << " {";
      add(item);
      out_ << " }";
    }
    out_ << " ]";
  }

  void add(const name_record& x) {
    field("space", x.space).field("number", x.number).field("text", x.text);
  }
  void add(const submitted_job& x) {
    field("id", x.id).field("version", x.version).field("payload", x.payload);
  }
  void add(const backoff& x) {
    field("form", x.form).field("jitter", x.jitter).field("factor", x.factor);
    field("base", x.base).field("cap", x.cap).field("table_count", x.table_count);
    for (const duration d : x.delays) field("delay", d);
  }
  void add(const submit_record& x) {
    field("queue", x.common.queue).field("kind", x.common.kind);
    field("priority", x.common.priority).field("attempts_max", x.common.attempts_max);
    field("codec", x.common.codec).field("payload_version", x.common.payload_version);
    field("submitted_ns", x.common.submitted_ns);
    const submit_extras& e = x.extras;
    field("due", e.due).field("expires_ns", e.expires_ns).field("run_timeout_ns", e.run_timeout_ns);
    if (e.backoff) add(*e.backoff);
    if (e.unique) {
      field("unique", e.unique->hash).field("scope", e.unique->scope);
      field("until", e.unique->until).field("ttl", e.unique->ttl_wall_ns);
    }
    field("tenant", e.tenant);
    if (e.lane) field("lane", e.lane->key).field("lane_order", e.lane->order);
    field("deadline_ns", e.deadline_ns).field("exact_priority", e.exact_priority);
    if (e.parent) field("parent", e.parent->id).field("ordinal", e.parent->ordinal);
    field("tag", e.tag);
    if (e.trace) {
      field("trace", byte_span(e.trace->trace)).field("span", byte_span(e.trace->span));
      field("trace_flags", e.trace->flags);
    }
    items("jobs", x.jobs);
  }
  void add(const ended_job& x) { field("id", x.id).field("version", x.version); }
  void add(const ended_record& x) {
    field("how", x.how);
    items("jobs", x.jobs);
  }
  void add(const attempt_error& x) {
    field("version", x.version).field("wall_ns", x.wall_ns).field("attempt", x.attempt);
    field("kind", x.kind).field("text", x.text);
  }
  void add(const attempt_state& x) {
    field("id", x.id).field("version", x.version).field("attempt", x.attempt);
    field("pushbacks", x.pushbacks).field("crashes", x.crashes).field("wall_ns", x.wall_ns);
    items("errors", x.errors);
  }
  void add(const again_record& x) {
    field("cause", x.cause).field("due", x.due);
    add(x.facts);
  }
  void add(const died_record& x) {
    field("cause", x.cause);
    add(x.facts);
  }
  void add(const change_record& x) {
    field("id", x.id).field("version", x.version).field("due", x.due);
    field("priority", x.priority).field("queue", x.queue);
  }
  void add(const requeued_record& x) {
    field("id", x.id).field("version", x.version).field("priority", x.priority);
  }
  void add(const purged_job& x) { field("id", x.id).field("version", x.version); }
  void add(const purged_record& x) { items("jobs", x.jobs); }
  void add(const result_record& x) {
    field("id", x.id).field("version", x.version).field("value", x.value);
  }
  void add(const crashed_job& x) {
    field("id", x.id).field("version", x.version).field("alone", x.alone);
  }
  void add(const crashed_record& x) { items("jobs", x.jobs); }
  void add(const key_record& x) {
    field("hash", x.hash).field("order", x.order).field("state", x.state);
    field("holder", x.holder).field("until", x.until_wall_ns);
  }
  void add(const cursor_record& x) {
    field("source", x.source).field("order", x.order).field("position", x.position);
  }
  void add(const paused_setting& s) { field("paused", s.paused).field("until", s.until_wall_ns); }
  void add(const intake_setting& s) { field("closed", s.closed); }
  void add(const limits_setting& s) {
    field("concurrency", s.concurrency).field("starts", s.starts);
    field("per_ns", s.per_ns).field("burst", s.burst);
  }
  void add(const bounds_setting& s) {
    field("jobs", s.jobs).field("bytes", s.bytes);
    field("when_full", s.when_full).field("block_for_ns", s.block_for_ns);
  }
  void add(const share_setting& s) { field("weight", s.weight); }
  void add(const durability_setting& s) {
    field("durability", s.durability).field("strict_start", s.strict_start);
  }
  void add(const order_setting& s) { field("by", s.order); }
  void add(const lanes_setting& s) {
    add(s.limits);
    field("on_failure", s.on_failure);
  }
  void add(const retry_budget_setting& s) { field("retries_per_s", s.retries_per_s); }
  void add(const kept_setting& s) { field("completed", s.completed).field("dead", s.dead); }
  void add(const unknown_setting& s) { field("value", s.value); }
  void add(const setting_record& x) {
    field("part", x.part).field("number", x.number).field("lane", x.lane);
    field("what", what_is_set(x.value)).field("order", x.order);
    std::visit([this](const auto& value) { add(value); }, x.value);
  }
  void add(const floor_record& x) { field("generation", x.generation); }
  void add(const opened_record& x) {
    field("epoch", x.epoch).field("recovered_lsn", x.recovered_lsn);
    field("jobs", x.jobs).field("dead", x.dead).field("how", x.how);
  }
  void add(const closed_record& x) { field("epoch", x.epoch); }
  void add(const note_record& x) { field("text", x.text); }

  std::ostringstream out_;
};

}  // namespace pawl::test
