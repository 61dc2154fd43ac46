#include "base/uuid.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <cstdlib>
#include <cstring>

namespace stillframe {
namespace {

void StampVersion(Uuid& uuid, std::uint8_t version) {
  uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0f) | (version << 4));
  uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3f) | 0x80);
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::uint64_t Fnv1a(std::string_view text, std::uint64_t hash) {
  for (const char c : text) {
    hash ^= static_cast<std::uint8_t>(c);
    hash *= 0x100000001b3ull;
  }
  return hash;
}

}  // namespace

Uuid Uuid::Random() {
  Uuid uuid;
  // Sixteen bytes never come short (getrandom(2)); without randomness nothing here is safe.
  if (getrandom(uuid.bytes.data(), uuid.bytes.size(), 0) != 16) std::abort();
  StampVersion(uuid, 4);
  return uuid;
}

Uuid Uuid::OfName(std::string_view name) {
  const std::uint64_t halves[2] = {Fnv1a(name, 0xcbf29ce484222325ull),
                                   Fnv1a(name, 0x9ae16a3b2f90404full)};
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), halves, sizeof halves);
  StampVersion(uuid, 8);
  return uuid;
}

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid uuid;
  std::size_t nibble = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int digit = HexDigit(text[i]);
    if (digit < 0) return std::nullopt;
    auto& byte = uuid.bytes[nibble / 2];
    byte = static_cast<std::uint8_t>(byte << 4 | digit);
    ++nibble;
  }
  return uuid;
}

std::string Uuid::ToString() const {
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    fmt::format_to(std::back_inserter(text), "{:02x}", bytes[i]);
  }
  return text;
}

}  // namespace stillframe

std::size_t std::hash<stillframe::Uuid>::operator()(const stillframe::Uuid& uuid) const noexcept {
  std::uint64_t halves[2];
  std::memcpy(halves, uuid.bytes.data(), sizeof halves);
  return halves[0] ^ (halves[1] * 0x9e3779b97f4a7c15ull);
}
