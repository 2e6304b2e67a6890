// ready/band.hpp -- the FIFO of one priority of one queue: places, in the order of their pushes.
#pragma once

#include <cstdint>

#include "base/fifo.hpp"

namespace pawl {

class band : public fifo<std::uint64_t> {};

}  // namespace pawl
