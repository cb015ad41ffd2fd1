#include "compiler/calibration/feed_source.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "compiler/calibration/numpy_object.h"
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

// The name without its ending: a photo of one set belongs to an array of another.
std::string Stem(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? name : name.substr(0, dot);
}

// Numbers of files in their data set, by what says which belong together.
using FilesByKey = std::map<std::string, size_t>;

// For each key that all inputs have, in order: the number of each input's file.
std::vector<std::pair<std::string, std::vector<size_t>>> JoinFiles(const std::vector<FilesByKey>& files_of_input) {
  std::vector<std::pair<std::string, std::vector<size_t>>> joined;
  for (const auto& [key, first] : files_of_input[0]) {
    std::vector<size_t> files;
    for (const FilesByKey& of_input : files_of_input) {
      if (const auto found = of_input.find(key); found != of_input.end()) files.push_back(found->second);
    }
    if (files.size() == files_of_input.size()) joined.emplace_back(key, std::move(files));
  }
  return joined;
}

// Whether the first file is a dictionary with an array for each input.
absl::StatusOr<bool> HoldsObjects(const DataSet& data_set) {
  if (data_set.size() == 0 || !absl::EndsWithIgnoreCase(data_set.name(0), ".npy")) return false;
  ASSIGN_OR_RETURN(const std::string bytes, data_set.Read(0));
  return IsNumpyObject(bytes);
}

}  // namespace

FeedSource::FeedSource(FeedSource&& other) noexcept
    : data_sets_(other.data_sets_),
      configuration_(other.configuration_),
      samples_(std::move(other.samples_)),
      digest_(std::move(other.digest_)) {}

absl::StatusOr<FeedSource> FeedSource::Create(const DataSet& data_set, const v1::BuildConfiguration& configuration) {
  const auto num_inputs = static_cast<size_t>(configuration.inputs_size());
  FeedSource source(std::vector<const DataSet*>(num_inputs, &data_set), configuration);
  bool is_sample_a_file = num_inputs == 1;
  if (!is_sample_a_file) {
    ASSIGN_OR_RETURN(is_sample_a_file, HoldsObjects(data_set));
  }
  if (is_sample_a_file) {
    for (size_t i = 0; i < data_set.size(); ++i) {
      source.samples_.push_back({data_set.name(i), std::vector<size_t>(num_inputs, i)});
    }
  } else {
    std::map<std::string, FilesByKey> files_of_folder;
    for (size_t i = 0; i < data_set.size(); ++i) {
      const FileOfInput split = SplitName(data_set.name(i));
      files_of_folder[split.folder][split.file] = i;
    }
    std::vector<FilesByKey> files_of_input;
    for (const v1::InputConfiguration& input : configuration.inputs()) {
      if (const auto found = files_of_folder.find(input.name()); found != files_of_folder.end()) {
        files_of_input.push_back(found->second);
        continue;
      }
      return absl::InvalidArgumentError(absl::StrCat(
          "the calibration set has no folder \"", input.name(), "\": a model with ", num_inputs,
          " inputs takes a folder for each, named as the input, with files of the same name for a sample, or files of "
          "numpy.save with a dictionary of all inputs"));
    }
    for (auto& [file, numbers] : JoinFiles(files_of_input)) source.samples_.push_back({file, std::move(numbers)});
    if (source.samples_.empty()) {
      return absl::InvalidArgumentError("no sample of the calibration set has a file of the same name for each input");
    }
  }
  source.LimitSamples();
  source.digest_ = data_set.Digest(is_sample_a_file ? source.samples_.size() : data_set.size());
  return source;
}

absl::StatusOr<FeedSource> FeedSource::Create(const std::vector<const DataSet*>& data_sets,
                                              const v1::BuildConfiguration& configuration) {
  FeedSource source(data_sets, configuration);
  std::vector<FilesByKey> files_of_input(data_sets.size());
  for (size_t i = 0; i < data_sets.size(); ++i) {
    for (size_t j = 0; j < data_sets[i]->size(); ++j) files_of_input[i][Stem(data_sets[i]->name(j))] = j;
  }
  for (auto& [stem, numbers] : JoinFiles(files_of_input)) {
    source.samples_.push_back({data_sets[0]->name(numbers[0]), std::move(numbers)});
  }
  if (source.samples_.empty()) {
    return absl::InvalidArgumentError(
        "no sample has a file of the same name in the calibration set of each input; files of the same name belong "
        "together");
  }
  source.LimitSamples();
  base::Sha256Hasher hasher;
  for (const DataSet* data_set : data_sets) hasher.Update(data_set->Digest(data_set->size()));
  source.digest_ = hasher.Finish();
  return source;
}

void FeedSource::LimitSamples() {
  const int32_t most = configuration_.calibration().max_samples();
  if (most > 0 && samples_.size() > static_cast<size_t>(most)) samples_.resize(static_cast<size_t>(most));
}

absl::StatusOr<std::vector<Tensor>> FeedSource::Load(size_t sample) const {
  std::vector<Tensor> feed;
  for (size_t i = 0; i < samples_[sample].files.size(); ++i) {
    const size_t file = samples_[sample].files[i];
    const std::string& name = data_sets_[i]->name(file);
    const absl::StatusOr<std::string> bytes = data_sets_[i]->Read(file);
    if (!bytes.ok()) return WithReason(bytes.status(), v1::FAILURE_REASON_INVALID_CALIBRATION, name);
    absl::StatusOr<LoadedSample> loaded =
        LoadSample(name, *bytes, configuration_.inputs(static_cast<int>(i)), configuration_.calibration().image_fit());
    if (!loaded.ok()) {
      return WithReason(base::Annotate(loaded.status(), data_sets_[i]->path()), v1::FAILURE_REASON_INVALID_CALIBRATION,
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

absl::StatusOr<std::vector<std::string>> PathsByInput(
    const std::vector<std::pair<std::string, std::string>>& input_calibration,
    const v1::BuildConfiguration& configuration) {
  std::map<std::string, std::string> paths;
  for (const auto& [input, path] : input_calibration) paths[input] = path;
  std::vector<std::string> ordered;
  for (const v1::InputConfiguration& input : configuration.inputs()) {
    auto found = paths.find(input.name());
    if (found == paths.end()) found = paths.find("");
    if (found == paths.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("input \"", input.name(), "\" has no calibration set, and others have one of their own"));
    }
    ordered.push_back(found->second);
  }
  for (const auto& [input, path] : paths) {
    const bool is_known = std::any_of(configuration.inputs().begin(), configuration.inputs().end(),
                                      [&name = input](const auto& known) { return known.name() == name; });
    if (is_known || input.empty()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("a calibration set is for input \"", input, "\", which the model does not have"));
  }
  return ordered;
}

}  // namespace joinery::compiler
