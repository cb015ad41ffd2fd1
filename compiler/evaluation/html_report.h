// A report as one web page that needs nothing else.
#pragma once

#include <string>

#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// The page as UTF-8. It loads nothing, works without scripts (with them, tables can be sorted), on small screens, in
// light and dark, and with a keyboard only. All text from the report is escaped: names come from models that anybody
// may have made. The same report gives the same bytes.
std::string FormatHtmlReport(const v1::Report& report);

}  // namespace joinery::compiler
