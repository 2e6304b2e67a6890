# Libraries that ship no CMake files of their own: pawl::isal (Intel's Intelligent Storage Acceleration
# Library) and pawl::uring (liburing).
macro(pawl_plain_library name header library package)
  string(TOUPPER ${name} pawl_upper)
  find_path(PAWL_${pawl_upper}_INCLUDE_DIR ${header} DOC "Folder that holds ${header}")
  find_library(PAWL_${pawl_upper}_LIBRARY ${library} DOC "The library ${library}")
  mark_as_advanced(PAWL_${pawl_upper}_INCLUDE_DIR PAWL_${pawl_upper}_LIBRARY)
  if(NOT PAWL_${pawl_upper}_INCLUDE_DIR OR NOT PAWL_${pawl_upper}_LIBRARY)
    message(FATAL_ERROR "Pawl needs the library ${library} (Debian: ${package})")
  endif()
  if(NOT TARGET pawl::${name})
    add_library(pawl::${name} UNKNOWN IMPORTED GLOBAL)
    set_target_properties(pawl::${name} PROPERTIES
      IMPORTED_LOCATION "${PAWL_${pawl_upper}_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${PAWL_${pawl_upper}_INCLUDE_DIR}")
  endif()
endmacro()
pawl_plain_library(isal isa-l/crc.h isal libisal-dev)
pawl_plain_library(uring liburing.h uring liburing-dev)
