#include "ready/share_lines.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace pawl {

// A stale place may name a slot of another queue by now, which has another kind of key.
std::uint32_t share_lines::tenant_of(const order_mark& mark) noexcept {
  const std::uint64_t key = mark.key.load(relaxed);  // relaxed: order_marks.hpp
  return key <= tenants_max ? static_cast<std::uint32_t>(key) : 0;
}

bool share_lines::add(const order_marks& marks, std::span<const std::uint64_t> places,
                      need why) noexcept {
  const std::lock_guard lock(mutex_);
  if (!make_room(marks, places, why)) return false;
  for (const std::uint64_t place : places) {
    order_mark& mark = marks[band_entry{place}.slot()];
    mark.number.store(next_number_, relaxed);
    insert(tenant_of(mark), next_number_++, place);
  }
  set_size(visible_);
  return true;
}

bool share_lines::put_back(const order_marks& marks,
                           std::span<const std::uint64_t> places) noexcept {
  const std::lock_guard lock(mutex_);
  if (!make_room(marks, places, need::accepted)) return false;
  for (const std::uint64_t place : places) {
    const order_mark& mark = marks[band_entry{place}.slot()];
    insert(tenant_of(mark), mark.number.load(relaxed), place);
  }
  set_size(visible_);
  return true;
}

std::size_t share_lines::pop(std::span<std::uint64_t> into) noexcept {
  if (looks_empty()) return 0;
  const std::lock_guard lock(mutex_);
  std::size_t taken = 0;
  while (taken < into.size() && !heap_.empty()) {
    const std::uint32_t tenant = heap_.front().tenant;
    into[taken++] = remove_first(tenant);
    touch(tenant);
  }
  set_size(visible_);
  return taken;
}

// What is put back in this order is in the list again.
void share_lines::keep_those(keep_place is_kept, void* keep) noexcept {
  const std::lock_guard lock(mutex_);
  for (std::uint32_t tenant = 0; tenant < lines_.size(); ++tenant) {
    line& l = lines_[tenant];
    line kept;
    const std::uint32_t before = l.size;
    while (l.size != 0) {
      const std::uint32_t n = unlink_first(l);
      if (is_kept(keep, nodes_[n].place)) {
        link(kept, n);
      } else {
        nodes_[n].next = std::exchange(free_, n);
        ++free_count_;
      }
    }
    l.first = kept.first;
    l.last = kept.last;
    l.size = kept.size;
    if (l.at != none) visible_ -= before - kept.size;
    touch(tenant);
  }
  set_size(visible_);
}

void share_lines::hold(std::uint32_t tenant) noexcept {
  const std::lock_guard lock(mutex_);
  if (tenant >= lines_.size()) return;  // its jobs came by the front list, for want of memory
  ++lines_[tenant].holds;
  touch(tenant);
  set_size(visible_);
}

bool share_lines::unhold(std::uint32_t tenant) noexcept {
  const std::lock_guard lock(mutex_);
  if (tenant >= lines_.size() || lines_[tenant].holds == 0) return false;
  line& l = lines_[tenant];
  if (--l.holds != 0) return false;
  l.share = after_rest(l.share, clock_);
  touch(tenant);
  set_size(visible_);
  return l.size != 0;
}

void share_lines::set_weight(std::uint32_t tenant, std::uint32_t weight) noexcept {
  const std::lock_guard lock(mutex_);
  if (tenant >= lines_.size()) return;
  lines_[tenant].share = after_weighing(lines_[tenant].share, weight, mean_ns_, clock_);
  touch(tenant);
}

// ---- Lines ----

// Nothing is made before there is room for all of it.
bool share_lines::make_room(const order_marks& marks, std::span<const std::uint64_t> places,
                            need why) noexcept {
  std::uint32_t largest = 0;
  for (const std::uint64_t place : places) {
    largest = std::max(largest, tenant_of(marks[band_entry{place}.slot()]));
  }
  std::size_t lines = lines_.size();
  if (largest >= lines) {
    lines = std::min<std::size_t>(std::max<std::size_t>(largest + 1, 2 * lines), tenants_max + 1);
  }
  std::size_t nodes = nodes_.capacity();
  const std::size_t fresh = places.size() - std::min(places.size(), free_count_);
  if (nodes - nodes_.size() < fresh) nodes = std::max(2 * nodes, nodes_.size() + fresh);
  if (lines == lines_.size() && nodes == nodes_.capacity()) return true;

  const std::size_t bytes = (lines - lines_.size()) * (sizeof(line) + sizeof(entry)) +
                            (nodes - nodes_.capacity()) * sizeof(node);
  if (!account().take(bytes, why)) return false;
  try {
    nodes_.reserve(nodes);
    heap_.reserve(lines);
    lines_.resize(lines);
    return true;
  } catch (const std::bad_alloc&) {
    account().give(bytes);
    return false;
  }
}

void share_lines::insert(std::uint32_t tenant, std::uint64_t number, std::uint64_t place) noexcept {
  std::uint32_t n = free_;
  if (n != none) {
    free_ = nodes_[n].next;
    --free_count_;
  } else {
    n = static_cast<std::uint32_t>(nodes_.size());
    nodes_.emplace_back();
  }
  nodes_[n] = {place, number, none, none};
  // The key of a stale place may have become another between two looks.
  line& l = lines_[tenant < lines_.size() ? tenant : 0];
  if (l.size == 0) l.share = after_rest(l.share, clock_);
  link(l, n);
  if (l.at != none) ++visible_;
  touch(static_cast<std::uint32_t>(&l - lines_.data()));
}

void share_lines::link(line& l, std::uint32_t n) noexcept {
  nodes_[n].next = none;
  nodes_[n].child = none;
  ++l.size;
  if (l.last == none) {
    l.first = l.last = n;
  } else if (nodes_[n].number > nodes_[l.last].number) {
    nodes_[l.last].next = n;
    l.last = n;
  } else {
    l.returned = merge(l.returned, n);
  }
}

// There is one.
std::uint32_t share_lines::unlink_first(line& l) noexcept {
  --l.size;
  std::uint32_t n = l.returned;
  if (n != none && (l.first == none || nodes_[n].number < nodes_[l.first].number)) {
    l.returned = merge(nodes_[n].child, nodes_[n].next);
    return n;
  }
  n = l.first;
  l.first = nodes_[n].next;
  if (l.first == none) l.last = none;
  return n;
}

// Of two skew heaps, by number (Sleator and Tarjan, 1986): along the right edges, which become left ones.
std::uint32_t share_lines::merge(std::uint32_t a, std::uint32_t b) noexcept {
  std::uint32_t root = none;
  std::uint32_t* to = &root;
  while (a != none && b != none) {
    if (nodes_[b].number < nodes_[a].number) std::swap(a, b);
    *to = a;
    node& top = nodes_[a];
    a = std::exchange(top.next, top.child);
    to = &top.child;
  }
  *to = a != none ? a : b;
  return root;
}

// Of a tenant in the heap, which is to be touched afterwards.
std::uint64_t share_lines::remove_first(std::uint32_t tenant) noexcept {
  const std::uint32_t n = unlink_first(lines_[tenant]);
  nodes_[n].next = std::exchange(free_, n);
  ++free_count_;
  --visible_;
  return nodes_[n].place;
}

std::uint64_t share_lines::take_first(std::uint32_t tenant, std::uint32_t weight) noexcept {
  line& l = lines_[tenant];
  clock_ = std::max(clock_, start_tag(l.share));
  l.share = after_take(l.share, weight, mean_ns_, clock_);
  l.turn = ++turns_;
  const std::uint64_t place = remove_first(tenant);
  touch(tenant);
  if (clock_ > share_clock_max) set_clock_back();
  return place;
}

void share_lines::settle_one(const share_claim& c, std::uint32_t weight) noexcept {
  line& l = lines_[c.tenant];
  if (c.use.attempted) mean_ns_ = next_share_mean(mean_ns_, c.use.ns);
  l.share = after_use(l.share, c.use, weight, mean_ns_, clock_);
  touch(c.tenant);
}

// The order stays as it is.
void share_lines::set_clock_back() noexcept {
  const std::int64_t span = std::exchange(clock_, 0);
  for (std::uint32_t tenant = 0; tenant < lines_.size(); ++tenant) {
    lines_[tenant].share = set_back(lines_[tenant].share, span);
    if (lines_[tenant].at != none) heap_[lines_[tenant].at].tag -= span;
  }
}

// ---- The heap of tenants ----

// To be called when anything about the tenant has changed: I1.
void share_lines::touch(std::uint32_t tenant) noexcept {
  line& l = lines_[tenant];
  if (l.size == 0 || l.holds != 0) {
    if (l.at != none) leave_heap(l);
    return;
  }
  const entry now{start_tag(l.share), l.turn, tenant};
  if (l.at == none) {
    visible_ += l.size;
    heap_.push_back(now);
    l.at = static_cast<std::uint32_t>(heap_.size() - 1);
  } else {
    heap_[l.at] = now;
  }
  sift(l.at);
}

void share_lines::leave_heap(line& l) noexcept {
  visible_ -= l.size;
  const std::uint32_t hole = std::exchange(l.at, none);
  const entry last = heap_.back();
  heap_.pop_back();
  if (hole == heap_.size()) return;
  put_entry(hole, last);
  sift(hole);
}

void share_lines::put_entry(std::size_t at, const entry& e) noexcept {
  heap_[at] = e;
  lines_[e.tenant].at = static_cast<std::uint32_t>(at);
}

// To where it belongs, up or down.
void share_lines::sift(std::size_t at) noexcept {
  const entry moved = heap_[at];
  while (at != 0 && is_before(moved, heap_[(at - 1) / 2])) {
    put_entry(at, heap_[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  for (;;) {
    std::size_t least = 2 * at + 1;
    if (least >= heap_.size()) break;
    if (least + 1 < heap_.size() && is_before(heap_[least + 1], heap_[least])) ++least;
    if (!is_before(heap_[least], moved)) break;
    put_entry(at, heap_[least]);
    at = least;
  }
  put_entry(at, moved);
}

bool share_lines::is_consistent() noexcept {
  const std::lock_guard lock(mutex_);
  std::size_t in_heap = 0;
  std::size_t places = 0;
  std::size_t all = free_count_;
  for (std::uint32_t tenant = 0; tenant < lines_.size(); ++tenant) {
    const line& l = lines_[tenant];
    all += l.size;
    if ((l.at != none) != (l.size != 0 && l.holds == 0)) return false;
    if (l.at == none) continue;
    ++in_heap;
    places += l.size;
    if (heap_[l.at].tenant != tenant || heap_[l.at].turn != l.turn) return false;
    if (heap_[l.at].tag != start_tag(l.share)) return false;
    if (l.at != 0 && is_before(heap_[l.at], heap_[(l.at - 1) / 2])) return false;
  }
  return in_heap == heap_.size() && places == visible_ && all == nodes_.size() &&
         visible_ == size();
}

}  // namespace pawl
