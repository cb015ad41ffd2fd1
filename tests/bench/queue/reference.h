// What the disk and SQLite need by themselves, measured in the same run as the rest.
#pragma once

#include <string>

#include "tests/bench/queue/figures.h"

namespace joinery::bench {

// Times `commits` transactions, each of `rows` inserts of about 1 kB into a table without indexes, that wait for the
// disk, in a new database in `folder`. False if SQLite failed.
bool MeasureBareCommits(const std::string& folder, int commits, int rows, Figures& figures);

}  // namespace joinery::bench
