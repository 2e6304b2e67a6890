// persistence/spare_source.hpp -- somebody who makes the files of coming segments ahead, so that the log's thread
// need not fill them with zeros when it needs them.
#pragma once

#include <cstdint>

namespace pawl {

class spare_source {
 public:
  virtual ~spare_source() = default;

  // The spare file of the segment of that number will be needed before long. Does not wait; asking again
  // changes nothing.
  virtual void want(std::uint64_t number) noexcept = 0;
  // Is it there, of the right length and with all its blocks, whatever they hold? Waits if it is being made.
  // Whoever is told so has it; who is not makes it himself.
  virtual bool take(std::uint64_t number) noexcept = 0;
};

}  // namespace pawl
