// The compiler sees its files under names the worker chose. People called them something else.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "joinery/v1/jobs.pb.h"

namespace joinery::worker {

// What the files of a job are called in its working folder.
inline constexpr char kModelFile[] = "model.onnx";
inline constexpr char kCalibrationFile[] = "calibration.tar";
inline constexpr char kConfigurationFile[] = "config.prototxt";

// Of a check's description of a target, counted from 0.
std::string TargetFile(int index);

class DisplayNames {
 public:
  // Where `spec` has no name for a file, the worker's stays.
  explicit DisplayNames(const v1::BuildSpec& spec);
  explicit DisplayNames(const v1::CheckSpec& spec);

  // `text` with each file's name replaced by the one people gave it, where it stands as a word of its own.
  std::string Translate(absl::string_view text) const;

 private:
  void Add(const std::string& file, const std::string& name);

  std::vector<std::pair<std::string, std::string>> names_;
};

}  // namespace joinery::worker
