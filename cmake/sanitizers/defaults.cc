// What the sanitizers are told in every program and test of the presets asan, tsan and fuzz. Not by the environment:
// the worker passes none on to the compiler, and a sandbox sees no file of suppressions.
//
// Suppressions are for libraries of the distribution, which were built without the sanitizer: each with its reason.
#include <sys/prctl.h>

#define JOINERY_SANITIZER_HOOK extern "C" __attribute__((visibility("default"), used)) const char*

// A finding ends the program. What was suppressed is not said: tests read what programs say.
JOINERY_SANITIZER_HOOK __asan_default_options() {
  return "detect_leaks=1:detect_stack_use_after_return=1:print_suppressions=0";
}
JOINERY_SANITIZER_HOOK __ubsan_default_options() { return "halt_on_error=1:print_stacktrace=1"; }
// c-ares 1.18, by which gRPC looks up addresses, loses ten bytes whenever it is asked for localhost.
JOINERY_SANITIZER_HOOK __lsan_default_suppressions() { return "leak:libcares.so\n"; }
// The distribution's gRPC and Abseil were not built for it: what they do among themselves, by atomic operations that it
// does not see, looks like races. What our code does is looked at wherever it is called from. A process does not wait
// for a second when it ends, as it would for threads that race then: tests measure how long ending takes.
JOINERY_SANITIZER_HOOK __tsan_default_options() {
  return "halt_on_error=1:ignore_noninstrumented_modules=1:atexit_sleep_ms=0";
}
// gRPC hands its interceptors, its lists of operations, what it calls back, and what a call of a test's fake server
// sees, from thread to thread by such operations. It joins its own threads, which libgpr starts, behind the back of a
// process that is ending.
JOINERY_SANITIZER_HOOK __tsan_default_suppressions() {
  return "race:grpc::internal::InterceptorBatchMethodsImpl\n"
         "race:grpc::internal::CallOpSet\n"
         "race:grpc::internal::CallbackWithSuccessTag::Clear\n"
         "race:grpc::internal::CallbackWithSuccessTag::Set\n"
         "race_top:grpc::internal::CallbackWithSuccessTag\n"
         "race_top:std::function<void (bool)>\n"
         "race:joinery::testing::FakeBlobs\n"
         "race:joinery::testing::FakeJobs\n"
         "race:joinery::testing::FakeWorkers\n"
         "thread:libgpr.so\n";
}

// The worker's sandbox forbids what a search for leaks does. The compiler's leaks are found where it runs outside.
extern "C" __attribute__((visibility("default"), used)) int __lsan_is_turned_off() {
  return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}
