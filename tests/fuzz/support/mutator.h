// Changes inputs a little, as fuzzers do, but the same way every time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace stillframe::fuzz {

class Mutator {
 public:
  // Parts of `seeds`, which must outlive it, are spliced in.
  Mutator(const std::vector<std::string>& seeds, std::uint64_t random_seed)
      : seeds_(seeds), random_(random_seed) {}

  // One to eight changes to `input`, which stays below `bytes_max`.
  std::string Mutate(std::string input, std::size_t bytes_max);

 private:
  std::size_t Below(std::size_t end) { return end == 0 ? 0 : random_() % end; }
  void ChangeOnce(std::string& input);
  void Overwrite(std::string& input, std::size_t at, std::uint64_t value, std::size_t bytes);

  const std::vector<std::string>& seeds_;
  std::mt19937_64 random_;
};

}  // namespace stillframe::fuzz
