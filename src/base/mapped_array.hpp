// base/mapped_array.hpp -- an array whose memory goes back to the system with it.
//
// A large one has pages of its own; the heap would keep what is given back to it, spread over its arenas.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace pawl {

// Zero-filled pages for so many bytes; null: no memory. unmap_pages() takes what map_pages() gave.
void* map_pages(std::size_t bytes) noexcept;
void unmap_pages(void* pages, std::size_t bytes) noexcept;

template <class T>
class mapped_array {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  static constexpr std::size_t mapped_bytes_min = 128u << 10;

  mapped_array() noexcept = default;
  // Of default values. Null: no memory.
  explicit mapped_array(std::size_t count) noexcept : count_(count) {
    void* const at = is_mapped() ? map_pages(bytes()) : ::operator new(bytes(), std::nothrow);
    if (at == nullptr) return;
    values_ = static_cast<T*>(at);
    // Fresh pages are zeros already: what nobody looks at takes no memory.
    if (!(is_mapped() && is_zeros)) std::uninitialized_value_construct_n(values_, count);
  }
  mapped_array(mapped_array&& other) noexcept { swap(other); }
  mapped_array& operator=(mapped_array&& other) noexcept {
    swap(other);
    return *this;
  }
  ~mapped_array() {
    if (values_ == nullptr) return;
    if (is_mapped()) {
      unmap_pages(values_, bytes());
    } else {
      ::operator delete(values_);
    }
  }

  void swap(mapped_array& other) noexcept {
    std::swap(values_, other.values_);
    std::swap(count_, other.count_);
  }
  [[nodiscard]] bool is_null() const noexcept { return values_ == nullptr; }
  [[nodiscard]] T* data() const noexcept { return values_; }
  T& operator[](std::size_t i) const noexcept { return values_[i]; }

 private:
  // The default value of T.
  static constexpr bool is_zeros = std::is_arithmetic_v<T>;

  [[nodiscard]] std::size_t bytes() const noexcept { return count_ * sizeof(T); }
  [[nodiscard]] bool is_mapped() const noexcept { return bytes() >= mapped_bytes_min; }

  T* values_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace pawl
