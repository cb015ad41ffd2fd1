// Calibration samples as a model takes them.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "compiler/calibration/data_set.h"
#include "compiler/ir/tensor.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// Feeds for a model deployed with a given configuration. Where it has one input, each file of the data set is a sample.
// Where it has several, each has a folder of its name in the data set, and files of the same name in all of them are
// one sample; or the files are dictionaries of arrays (numpy_object.h), each a sample of all inputs. Thread-safe.
class FeedSource {
 public:
  // `data_set` and `configuration` must outlive the source.
  // Errors: kInvalidArgument if no sample has a file for each input, naming an input that lacks one.
  static absl::StatusOr<FeedSource> Create(const DataSet& data_set, const v1::BuildConfiguration& configuration);

  // The same where each input has a data set of its own, in the configuration's order (one and the same may be there
  // several times): files of the same name in all of them are one sample.
  static absl::StatusOr<FeedSource> Create(const std::vector<const DataSet*>& data_sets,
                                           const v1::BuildConfiguration& configuration);

  FeedSource(FeedSource&& other) noexcept;

  // Samples used: at most calibration.max_samples of the configuration, the first in name order.
  size_t size() const { return samples_.size(); }
  const std::string& name(size_t sample) const { return samples_[sample].name; }
  // See CalibrationSet.digest: over the samples used; where inputs have folders or sets of their own, over all files.
  const std::string& digest() const { return digest_; }

  // A tensor for each input, in the configuration's order.
  // Errors: those of DataSet::Read and LoadSample, as INVALID_CALIBRATION with the file as the culprit.
  absl::StatusOr<std::vector<Tensor>> Load(size_t sample) const;

  // What was done to files to make them fit, one line for each kind with how many and an example. Of those loaded so
  // far.
  std::vector<std::string> Notes() const;

 private:
  struct Sample {
    std::string name;
    // In the data sets, one for each input.
    std::vector<size_t> files;
  };
  struct NotedFiles {
    std::string note;
    std::string first_file;
    size_t files = 0;
  };

  FeedSource(std::vector<const DataSet*> data_sets, const v1::BuildConfiguration& configuration)
      : data_sets_(std::move(data_sets)), configuration_(configuration) {}

  // Keeps as many samples as the configuration asks for.
  void LimitSamples();

  void Note(const std::string& file, const std::string& note) const;

  // One for each input.
  const std::vector<const DataSet*> data_sets_;
  const v1::BuildConfiguration& configuration_;
  std::vector<Sample> samples_;
  std::string digest_;
  mutable absl::Mutex mutex_;
  mutable std::vector<NotedFiles> notes_ ABSL_GUARDED_BY(mutex_);
};

// The paths in the order of the configuration's inputs, of (input, path) in any order; an input without a name stands
// for all that have no other. kInvalidArgument, naming the input, if one has none, or the model does not have it.
absl::StatusOr<std::vector<std::string>> PathsByInput(
    const std::vector<std::pair<std::string, std::string>>& input_calibration,
    const v1::BuildConfiguration& configuration);

}  // namespace joinery::compiler
