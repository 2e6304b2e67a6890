# moodycamel's concurrentqueue is headers only and ships no CMake file with the Debian package.
# Sets CONCURRENTQUEUE_INCLUDE_DIR so that <concurrentqueue/concurrentqueue.h> is found.
find_path(CONCURRENTQUEUE_INCLUDE_DIR concurrentqueue/concurrentqueue.h REQUIRED
          DOC "Folder that holds concurrentqueue/concurrentqueue.h")
mark_as_advanced(CONCURRENTQUEUE_INCLUDE_DIR)
