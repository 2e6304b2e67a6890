# pawl::isal: Intel's Intelligent Storage Acceleration Library, which ships no CMake file.
find_path(PAWL_ISAL_INCLUDE_DIR isa-l/crc.h DOC "Folder that holds isa-l/crc.h")
find_library(PAWL_ISAL_LIBRARY isal DOC "The library isal")
mark_as_advanced(PAWL_ISAL_INCLUDE_DIR PAWL_ISAL_LIBRARY)
if(NOT PAWL_ISAL_INCLUDE_DIR OR NOT PAWL_ISAL_LIBRARY)
  message(FATAL_ERROR "Pawl needs ISA-L for its checksums (Debian: libisal-dev)")
endif()
if(NOT TARGET pawl::isal)
  add_library(pawl::isal UNKNOWN IMPORTED GLOBAL)
  set_target_properties(pawl::isal PROPERTIES
    IMPORTED_LOCATION "${PAWL_ISAL_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${PAWL_ISAL_INCLUDE_DIR}")
endif()
