// pawl/export.hpp -- marks what a shared library of Pawl shows; everything else in it is hidden.
#pragma once

#define PAWL_EXPORT __attribute__((visibility("default")))
