// What the campaign did and what it found.
//
// Owned by one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace stillframe::faults {

class Tally {
 public:
  void AddFault(const std::string& kind) { ++faults_[kind]; }

  // Each says what happened, after which fault.
  void AddStranded(const std::string& what) { Complain(stranded_, "stranded: " + what); }
  void AddWrong(const std::string& what) { Complain(wrong_, "wrong bytes: " + what); }
  void AddLeak(const std::string& what) { Complain(leaks_, "leak: " + what); }

  // Anything else that should not be: a message that says nothing, a daemon that does not start.
  void AddOther(const std::string& what) { Complain(other_, what); }

  // A part of the campaign that cannot run on this machine, and why.
  void AddSkipped(const std::string& why) { skipped_.push_back(why); }

  bool passed() const { return stranded_ + wrong_ + leaks_ + other_ == 0; }
  std::uint64_t found() const { return stranded_ + wrong_ + leaks_ + other_; }
  std::string Table() const;

 private:
  void Complain(std::uint64_t& count, const std::string& what);

  std::map<std::string, std::uint64_t> faults_;  // by kind
  std::uint64_t stranded_ = 0, wrong_ = 0, leaks_ = 0, other_ = 0;
  std::vector<std::string> skipped_;
};

}  // namespace stillframe::faults
