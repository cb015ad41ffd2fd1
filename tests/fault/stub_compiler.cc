// Stands in for joineryc where the service is what is broken: takes its command line, is done in as many milliseconds
// as the configuration says after "milliseconds:", and makes an artifact that only these inputs can have: the digests
// of the model, the calibration set and the configuration, one to a line, and then the digest of those lines over and
// over.
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/file.h"

namespace joinery {
namespace {

constexpr int kEventsDescriptor = 3;
constexpr char kMillisecondsKey[] = "milliseconds:";
constexpr int kParts = 5;
constexpr int kRepetitions = 2000;
constexpr int64_t kMaxConfigurationBytes = 1 << 20;
constexpr int kMicrosecondsPerMillisecond = 1000;

void Tell(const std::string& line) {
  const std::string text = line + "\n";
  if (write(kEventsDescriptor, text.data(), text.size()) < 0) _exit(99);
}

std::string Artifact(const std::string& model, const std::string& calibration, const std::string& configuration) {
  std::string text = absl::StrCat(model, "\n", calibration, "\n", base::Sha256(configuration), "\n");
  const std::string seal = base::Sha256(text) + "\n";
  for (int i = 0; i < kRepetitions; ++i) text += seal;
  return text;
}

int Build(std::map<std::string, std::string>& options) {
  const auto model = base::Sha256OfFile(options["--input"]);
  const auto calibration = base::Sha256OfFile(options["--calibration"]);
  const auto configuration = base::ReadFile(options["--config"], kMaxConfigurationBytes);
  for (const absl::Status& status : {model.status(), calibration.status(), configuration.status()}) {
    if (status.ok()) continue;
    std::cerr << std::string(status.message()) << '\n';
    return 10;
  }
  const size_t key = configuration->find(kMillisecondsKey);
  const int milliseconds =
      key == std::string::npos ? 0 : std::atoi(configuration->c_str() + key + sizeof(kMillisecondsKey) - 1);
  for (int part = 1; part <= kParts; ++part) {
    Tell(absl::StrCat(R"({"progress":{"stage":"part","stageIndex":)", part, R"(,"stageCount":)", kParts,
                      R"(,"fraction":1}})"));
    Tell(absl::StrCat(R"({"log":{"level":"LOG_LEVEL_INFO","text":"part )", part, R"("}})"));
    usleep(static_cast<useconds_t>(milliseconds * kMicrosecondsPerMillisecond / kParts));
  }
  std::ofstream(options["--output"], std::ios::binary) << Artifact(*model, *calibration, *configuration);
  std::ofstream(options["--report"]) << R"({"modelBytes":"1"})";
  return 0;
}

}  // namespace
}  // namespace joinery

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--version") {
    std::cout << "joineryc 1.2.3\n";
    return 0;
  }
  if (argc < 2 || std::string(argv[1]) != "build") return 2;
  std::map<std::string, std::string> options;
  for (int i = 2; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  return joinery::Build(options);
}
