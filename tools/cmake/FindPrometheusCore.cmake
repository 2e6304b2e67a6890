# pawl::prometheus_core, if there is one: prometheus-cpp's core library, without what its own CMake
# package wants beside it (an HTTP server, curl, zlib).
find_path(PAWL_PROMETHEUS_INCLUDE_DIR prometheus/text_serializer.h
  DOC "Folder that holds prometheus/text_serializer.h")
find_library(PAWL_PROMETHEUS_LIBRARY prometheus-cpp-core DOC "prometheus-cpp's core library")
mark_as_advanced(PAWL_PROMETHEUS_INCLUDE_DIR PAWL_PROMETHEUS_LIBRARY)
if(PAWL_PROMETHEUS_INCLUDE_DIR AND PAWL_PROMETHEUS_LIBRARY AND NOT TARGET pawl::prometheus_core)
  add_library(pawl::prometheus_core UNKNOWN IMPORTED GLOBAL)
  set_target_properties(pawl::prometheus_core PROPERTIES
    IMPORTED_LOCATION "${PAWL_PROMETHEUS_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${PAWL_PROMETHEUS_INCLUDE_DIR}")
endif()
