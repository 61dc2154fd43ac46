#include "fuzz/support/mutator.h"

#include <algorithm>
#include <array>

namespace stillframe::fuzz {
namespace {

// Numbers at which length checks break.
constexpr std::array<std::uint64_t, 14> kEdges = {0,
                                                  1,
                                                  0x7f,
                                                  0x80,
                                                  0xff,
                                                  0x7fff,
                                                  0xffff,
                                                  0x7fffffff,
                                                  0x80000000,
                                                  0xfffffff0,
                                                  0xffffffff,
                                                  0x7fffffffffffffff,
                                                  0xfffffffffffff000,
                                                  0xffffffffffffffff};

}  // namespace

std::string Mutator::Mutate(std::string input, std::size_t bytes_max) {
  for (std::size_t changes = 1 + Below(8); changes > 0; --changes) ChangeOnce(input);
  if (input.size() > bytes_max) input.resize(bytes_max);
  return input;
}

void Mutator::Overwrite(std::string& input, std::size_t at, std::uint64_t value,
                        std::size_t bytes) {
  for (std::size_t i = 0; i < bytes && at + i < input.size(); ++i) {
    input[at + i] = static_cast<char>(value >> (8 * i));
  }
}

void Mutator::ChangeOnce(std::string& input) {
  const std::size_t at = Below(input.size());
  switch (Below(8)) {
    case 0:  // one bit
      if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << Below(8)));
      break;
    case 1:
      Overwrite(input, at, random_(), 1);
      break;
    case 2:
      Overwrite(input, at, kEdges[Below(kEdges.size())], std::size_t{1} << Below(4));
      break;
    case 3:
      input.insert(at, 1 + Below(16), static_cast<char>(random_()));
      break;
    case 4:
      input.erase(at, 1 + Below(16));
      break;
    case 5:  // a part again
      input.insert(at, input.substr(Below(input.size()), 1 + Below(64)));
      break;
    case 6:  // a part of another
      if (const std::string& other = seeds_[Below(seeds_.size())]; !other.empty()) {
        input.insert(at, other.substr(Below(other.size()), 1 + Below(256)));
      }
      break;
    case 7:
      if (Below(4) == 0) input.resize(at);
      break;
  }
}

}  // namespace stillframe::fuzz
