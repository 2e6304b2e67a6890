// Two threads add to one plain number. ThreadSanitizer must report it; the test fails when it does
// not, because then a clean run of the other tests says nothing.
#include <cstdio>
#include <thread>

int main() {
  long sum = 0;
  const auto add = [&sum] {
    for (int i = 0; i < 100'000; ++i) sum = sum + 1;
  };
  std::thread first(add);
  std::thread second(add);
  first.join();
  second.join();
  std::printf("sum %ld\n", sum);
  return 0;
}
