// Protobuf's header of this name, as Debian's library was built with it: for the sanitizer of threads it would lay out
// map fields otherwise, and what reads them with the library's code would read something else.
#pragma once

#pragma push_macro("__SANITIZE_THREAD__")
#undef __SANITIZE_THREAD__
#include_next <google/protobuf/map_field.h>
#pragma pop_macro("__SANITIZE_THREAD__")
