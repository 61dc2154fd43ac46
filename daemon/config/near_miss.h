// Guesses which known word a misspelt one was meant to be.
#pragma once

#include <string_view>
#include <vector>

namespace stillframe {

// The closest of `known` by edit distance, or empty when none is close enough to be a typo.
std::string_view NearMiss(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace stillframe
