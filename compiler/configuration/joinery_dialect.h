// Joinery's own dialect: lowered to a configuration of `pulsar build`, whose joinery_conf.deployment can say
// everything.
#pragma once

#include <string>
#include <vector>

#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/joinery_configuration.pb.h"
#include "joinery/v1/pulsar.pb.h"

namespace joinery::compiler {

// Whether fields of these names at the top level are Joinery's rather than the vendor's: one is in JoineryConfiguration
// alone.
bool HasJoineryField(const std::vector<std::string>& names);

v1::pulsar::PulsarConfiguration LowerJoinery(const v1::JoineryConfiguration& source);

// The inverse for a configuration that was lowered or is complete: everything `configuration` says.
v1::JoineryConfiguration ToJoinery(const v1::BuildConfiguration& configuration);

}  // namespace joinery::compiler
