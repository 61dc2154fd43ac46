// A 16-byte universally unique identifier (RFC 4122 text form).
//
// Guests keep theirs across reboots and hosts; an epoch gets a fresh random one.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace stillframe {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  // Version 4, from the kernel's random source.
  static Uuid Random();

  // A stable identifier derived from a name, for guests whose hypervisor gives none.
  static Uuid OfName(std::string_view name);

  // Accepts exactly 8-4-4-4-12 hexadecimal digits, either case.
  static std::optional<Uuid> Parse(std::string_view text);

  std::string ToString() const;
  bool is_nil() const { return *this == Uuid{}; }
  friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
};

using GuestId = Uuid;
using Epoch = Uuid;

}  // namespace stillframe

template <>
struct std::hash<stillframe::Uuid> {
  std::size_t operator()(const stillframe::Uuid& uuid) const noexcept;
};
