#include "compiler/calibration/feed_source.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "compiler/calibration/sample.h"
#include "compiler/failure.h"

namespace joinery::compiler {
namespace {

// "input/0001.npy" is file "0001.npy" of folder "input".
struct FileOfInput {
  std::string folder;
  std::string file;
};

FileOfInput SplitName(const std::string& name) {
  const size_t slash = name.find('/');
  if (slash == std::string::npos) return {"", name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

}  // namespace

FeedSource::FeedSource(FeedSource&& other) noexcept
    : data_set_(other.data_set_),
      configuration_(other.configuration_),
      samples_(std::move(other.samples_)),
      digest_(std::move(other.digest_)) {}

absl::StatusOr<FeedSource> FeedSource::Create(const DataSet& data_set, const v1::BuildConfiguration& configuration) {
  FeedSource source(data_set, configuration);
  const auto num_inputs = static_cast<size_t>(configuration.inputs_size());
  if (num_inputs == 1) {
    for (size_t i = 0; i < data_set.size(); ++i) source.samples_.push_back({data_set.name(i), {i}});
  } else {
    std::map<std::string, std::map<std::string, size_t>> files_of_input;
    for (size_t i = 0; i < data_set.size(); ++i) {
      const FileOfInput split = SplitName(data_set.name(i));
      files_of_input[split.folder][split.file] = i;
    }
    for (const v1::InputConfiguration& input : configuration.inputs()) {
      if (files_of_input.contains(input.name())) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "the calibration set has no folder \"", input.name(), "\": a model with ", num_inputs,
          " inputs takes a folder for each, named as the input, with files of the same name for a sample"));
    }
    for (const auto& [file, first] : files_of_input[configuration.inputs(0).name()]) {
      Sample sample{file, {}};
      for (const v1::InputConfiguration& input : configuration.inputs()) {
        const auto& files = files_of_input[input.name()];
        if (const auto found = files.find(file); found != files.end()) sample.files.push_back(found->second);
      }
      if (sample.files.size() == num_inputs) source.samples_.push_back(std::move(sample));
    }
    if (source.samples_.empty()) {
      return absl::InvalidArgumentError("no sample of the calibration set has a file of the same name for each input");
    }
  }
  const int32_t most = configuration.calibration().max_samples();
  if (most > 0 && source.samples_.size() > static_cast<size_t>(most)) source.samples_.resize(static_cast<size_t>(most));
  source.digest_ = data_set.Digest(num_inputs == 1 ? source.samples_.size() : data_set.size());
  return source;
}

absl::StatusOr<std::vector<Tensor>> FeedSource::Load(size_t sample) const {
  std::vector<Tensor> feed;
  for (size_t i = 0; i < samples_[sample].files.size(); ++i) {
    const size_t file = samples_[sample].files[i];
    const std::string& name = data_set_.name(file);
    const absl::StatusOr<std::string> bytes = data_set_.Read(file);
    if (!bytes.ok()) return WithReason(bytes.status(), v1::FAILURE_REASON_INVALID_CALIBRATION, name);
    absl::StatusOr<LoadedSample> loaded =
        LoadSample(name, *bytes, configuration_.inputs(static_cast<int>(i)), configuration_.calibration().image_fit());
    if (!loaded.ok()) {
      return WithReason(base::Annotate(loaded.status(), data_set_.path()), v1::FAILURE_REASON_INVALID_CALIBRATION,
                        name);
    }
    if (!loaded->note.empty()) Note(name, loaded->note);
    feed.push_back(std::move(loaded->tensor));
  }
  return feed;
}

void FeedSource::Note(const std::string& file, const std::string& note) const {
  const absl::MutexLock lock(&mutex_);
  const auto found =
      std::find_if(notes_.begin(), notes_.end(), [&](const NotedFiles& noted) { return noted.note == note; });
  if (found == notes_.end()) {
    notes_.push_back({note, file, 1});
    return;
  }
  ++found->files;
  // Which thread came first must not show.
  found->first_file = std::min(found->first_file, file);
}

std::vector<std::string> FeedSource::Notes() const {
  std::vector<NotedFiles> notes;
  {
    const absl::MutexLock lock(&mutex_);
    notes = notes_;
  }
  std::sort(notes.begin(), notes.end(),
            [](const NotedFiles& a, const NotedFiles& b) { return a.first_file < b.first_file; });
  std::vector<std::string> lines;
  lines.reserve(notes.size());
  for (const NotedFiles& noted : notes) {
    lines.push_back(noted.files == 1
                        ? absl::StrCat(noted.first_file, ": ", noted.note)
                        : absl::StrCat(noted.files, " files, the first ", noted.first_file, ": ", noted.note));
  }
  return lines;
}

}  // namespace joinery::compiler
