// pawl/version.hpp -- which Pawl this is.
#pragma once

#include <string_view>

namespace pawl {

// That of these headers, of the CMake package and of `pawl --version`. CMakeLists.txt reads it here.
inline constexpr std::string_view library_version = "0.1.0";

}  // namespace pawl
