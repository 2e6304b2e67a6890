// bench/support/machine.hpp -- where and of what a number was measured.
#pragma once

namespace bench {

// One line: processor, cores, kernel, compiler, build, commit, load. Then a line of warning for
// each thing that makes the numbers worthless: a build without optimisation, a busy machine.
void print_machine(bool toy);

}  // namespace bench
