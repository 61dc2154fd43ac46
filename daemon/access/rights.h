// What a principal may do with a guest.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace stillframe {

enum class Right : std::uint8_t {
  kList,     // see that the guest exists, its state and its generations
  kRead,     // read memory and registers, and hold a generation meanwhile
  kCapture,  // have a snapshot taken, which pauses the guest
  kPin,      // hold generations beyond a call
  kAdmin,    // renew and release what others pinned
};

// As policies name them, in the order of Right.
inline constexpr std::array<std::string_view, 5> kRightNames = {"list", "read", "capture", "pin",
                                                                "admin"};

std::string_view NameOf(Right right);
std::optional<Right> ParseRight(std::string_view name);

// A set of rights. A value. Any right brings kList with it: who may use a guest may see it.
class Rights {
 public:
  constexpr void Add(Right right) { bits_ = bits_ | BitOf(right) | BitOf(Right::kList); }
  constexpr void Add(Rights rights) { bits_ = bits_ | rights.bits_; }
  constexpr bool Has(Right right) const { return (bits_ & BitOf(right)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }

  std::vector<std::string_view> Names() const;

  friend constexpr bool operator==(Rights, Rights) = default;

 private:
  static constexpr std::uint32_t BitOf(Right right) { return 1u << static_cast<unsigned>(right); }

  std::uint32_t bits_ = 0;
};

}  // namespace stillframe
