#include "completion.h"

#include <fmt/format.h>

#include "command_table.h"

namespace stillframe::cli {
namespace {

constexpr char kListGuests[] = R"(stillframe guests 2>/dev/null | awk 'NR>1 {print $1}')";

std::string JoinOptions(const CommandEntry& entry) {
  std::string joined;
  for (const auto option : entry.options) joined += fmt::format("{} ", option);
  for (const auto option : GlobalOptions()) joined += fmt::format("{} ", option);
  joined.pop_back();
  return joined;
}

std::string Bash() {
  std::string names;
  std::string cases;
  for (const CommandEntry& entry : CommandTable()) {
    names += fmt::format("{}{}", names.empty() ? "" : " ", entry.name);
    std::string words;
    if (TakesGuest(entry.command)) words = fmt::format(" $({})", kListGuests);
    if (entry.command == Command::kCompletion) words = " bash zsh fish";
    cases += fmt::format("    {}) words=\"{}{}\" ;;\n", entry.name, JoinOptions(entry), words);
  }
  return fmt::format(R"(# bash completion for stillframe
_stillframe() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" command="" words=""
  local i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${{COMP_WORDS[i]}}" in -*) ;; *) command="${{COMP_WORDS[i]}}"; break ;; esac
  done
  case "$prev" in
    -o|--output|--cacert|--cert|--key) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --format) COMPREPLY=($(compgen -W "raw elf lime" -- "$cur")); return ;;
  esac
  case "$command" in
    "") words="{}" ;;
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -F _stillframe stillframe
)",
                     names, cases);
}

std::string Zsh() {
  std::string commands;
  std::string cases;
  for (const CommandEntry& entry : CommandTable()) {
    commands +=
        fmt::format("    '{}:{}'\n", entry.name, entry.summary.substr(0, entry.summary.find(':')));
    std::string words = fmt::format("compadd -- {}", JoinOptions(entry));
    if (TakesGuest(entry.command))
      words += fmt::format("; compadd -- ${{(f)\"$({})\"}}", kListGuests);
    if (entry.command == Command::kCompletion) words += "; compadd bash zsh fish";
    cases += fmt::format("    {}) {} ;;\n", entry.name, words);
  }
  return fmt::format(R"(#compdef stillframe
_stillframe() {{
  local -a commands
  commands=(
{}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case ${{words[CURRENT-1]}} in
    -o|--output|--cacert|--cert|--key) _files; return ;;
    --format) compadd raw elf lime; return ;;
  esac
  case ${{words[2]}} in
{}  esac
}}
compdef _stillframe stillframe
)",
                     commands, cases);
}

std::string Fish() {
  std::string script = "# fish completion for stillframe\ncomplete -c stillframe -f\n";
  for (const auto option : GlobalOptions()) {
    script += fmt::format("complete -c stillframe -l {}\n", option.substr(2));
  }
  for (const CommandEntry& entry : CommandTable()) {
    script += fmt::format("complete -c stillframe -n __fish_use_subcommand -a {} -d '{}'\n",
                          entry.name, entry.summary);
    const std::string seen = fmt::format("'__fish_seen_subcommand_from {}'", entry.name);
    for (const auto option : entry.options) {
      const char* more = option == "--output"   ? " -s o -r -F"
                         : option == "--format" ? " -x -a 'raw elf lime'"
                                                : "";
      script += fmt::format("complete -c stillframe -n {} -l {}{}\n", seen, option.substr(2), more);
    }
    if (TakesGuest(entry.command)) {
      script += fmt::format("complete -c stillframe -n {} -a \"({})\"\n", seen,
                            R"(stillframe guests 2>/dev/null | awk 'NR>1 {print \$1}')");
    }
    if (entry.command == Command::kCompletion) {
      script += fmt::format("complete -c stillframe -n {} -a 'bash zsh fish'\n", seen);
    }
  }
  return script;
}

}  // namespace

std::string CompletionScript(std::string_view shell) {
  if (shell == "zsh") return Zsh();
  return shell == "fish" ? Fish() : Bash();
}

}  // namespace stillframe::cli
