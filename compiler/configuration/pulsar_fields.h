// Which fields of a `pulsar build` configuration this version acts on. A field that is not listed here is reported as
// not acted on, so that none can be dropped silently.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "joinery/v1/pulsar.pb.h"

namespace joinery::compiler {

// Whether the field at `path` ("neuwizard_conf.dataset_conf_calibration.size", without indices) changes what is built.
bool IsActedOn(absl::string_view path);

// A sentence for each field that is set and not acted on, in the order of the schema: its path and value, what it would
// mean, what happens instead. A block is one sentence; a value that asks for what happens anyway is none.
std::vector<std::string> DescribeIgnoredFields(const v1::pulsar::PulsarConfiguration& configuration);

}  // namespace joinery::compiler
