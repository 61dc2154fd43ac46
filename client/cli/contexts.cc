#include "contexts.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "base/status.h"
#include "config/config_file.h"
#include "config/problems.h"
#include "config/toml_reader.h"

namespace stillframe::cli {
namespace {

constexpr std::size_t kContextsMax = 1024;

std::string HomeDirectory() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? "" : home;
}

std::string Expand(const std::string& path) {
  return path.starts_with("~/") ? HomeDirectory() + path.substr(1) : path;
}

Schema Describe(std::string& chosen, Context& context) {
  const auto file = [](std::string* field) { return TextValue{field, TextForm::kAny, "none"}; };
  return {
      {"client",
       "",
       {{"context", TextValue{&chosen, TextForm::kAny, "none"}, ""}},
       SectionKind::kTable},
      {"context",
       "",
       {{"name", TextValue{&context.name, TextForm::kAny, ""}, ""},
        {"target", TextValue{&context.target, TextForm::kAny, ""}, ""},
        {"cacert", file(&context.tls.ca), ""},
        {"cert", file(&context.tls.certificate), ""},
        {"key", file(&context.tls.key), ""}},
       SectionKind::kArrayOfTables},
  };
}

}  // namespace

absl::StatusOr<Context> Contexts::Find(const std::string& name) const {
  std::string known;
  for (const Context& context : all) {
    if (context.name == name) return context;
    known += (known.empty() ? "" : ", ") + context.name;
  }
  return absl::NotFoundError(fmt::format("there is no context \"{}\" in {}; {}", Printable(name),
                                         ContextsPath(),
                                         known.empty() ? "there are none" : "there are: " + known));
}

std::string ContextsPath() {
  const char* config_home = std::getenv("XDG_CONFIG_HOME");
  const std::string directory = config_home != nullptr && *config_home == '/'
                                    ? std::string(config_home)
                                    : HomeDirectory() + "/.config";
  return directory + "/stillframe/config.toml";
}

absl::StatusOr<Contexts> ParseContexts(std::string_view text, std::string_view file_name) {
  SF_ASSIGN_OR_RETURN(const TomlReader reader, TomlReader::Parse(text, file_name));
  Contexts contexts;
  Context context;
  const Schema schema = Describe(contexts.chosen, context);
  Problems problems(file_name);
  reader.CheckSections(schema, problems);
  reader.ReadTable(schema.front(), problems);
  const std::size_t count = reader.CountEntries(schema.back(), kContextsMax, problems);
  for (std::size_t i = 0; i < count; ++i) {
    context = {};
    reader.ReadEntry(schema.back(), i, problems);
    for (const auto& [key, value] :
         {std::pair<const char*, const std::string&>("name", context.name),
          {"target", context.target}}) {
      if (value.empty()) {
        problems.Add(reader.LineOfEntry("context", i), fmt::format("context.{}", key), "missing");
      }
    }
    for (std::string* path : {&context.tls.ca, &context.tls.certificate, &context.tls.key}) {
      *path = Expand(*path);
    }
    contexts.all.push_back(context);
  }
  SF_RETURN_IF_ERROR(problems.First());
  return contexts;
}

absl::StatusOr<Contexts> LoadContexts(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadConfigFile(path);
  if (absl::IsNotFound(text.status())) return Contexts{};
  if (!text.ok()) return text.status();
  return ParseContexts(*text, path);
}

}  // namespace stillframe::cli
