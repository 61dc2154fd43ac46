// What a fuzz target is: one executable that does something with bytes from outside.
//
// Built with libFuzzer (preset `fuzz`) it searches for inputs that break it; otherwise its main
// replays the seeds and a fixed number of mutations of them, the same ones every time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// Handles one input; always 0. A crash, a sanitizer's report or a failed Require is a finding.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace stillframe::fuzz {

// Inputs to start from: valid ones of every kind, and those that once were findings.
std::vector<std::string> Seeds();

// Every regular file of a folder.
std::vector<std::string> FilesIn(const std::string& folder);

// Ends the process unless `holds`; `promise` is what was broken.
void Require(bool holds, const char* promise);

}  // namespace stillframe::fuzz
