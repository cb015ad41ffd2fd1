#include "compiler/vendor/vendor_binary.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/backend/joint_file.h"
#include "compiler/calibration/data_set.h"
#include "compiler/calibration/feed_source.h"
#include "compiler/evaluation/compare.h"
#include "compiler/evaluation/report_files.h"
#include "compiler/execution/executor.h"
#include "compiler/failure.h"
#include "compiler/vendor/attached_binary.h"
#include "compiler/vendor/run_program.h"
#include "compiler/vendor/vendor_configuration.h"
#include "compiler/vendor/vendor_output.h"

namespace joinery::compiler {
namespace {

namespace fs = std::filesystem;

constexpr size_t kKeptLines = 200;
constexpr int64_t kLargestFile = int64_t{2} << 30;
constexpr absl::Duration kShortLimit = absl::Minutes(2);

absl::Status ToolFailed(absl::string_view message) {
  return WithReason(absl::FailedPreconditionError(message), v1::FAILURE_REASON_VENDOR_TOOL);
}

absl::Status OutOfMemory(absl::string_view message) {
  return WithReason(absl::ResourceExhaustedError(message), v1::FAILURE_REASON_OUT_OF_MEMORY);
}

// What the tool wrote. It may have made a pipe or a link of that name, which are not followed.
absl::StatusOr<std::string> ReadOutput(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(fs::symlink_status(path, error))) {
    return absl::NotFoundError(absl::StrCat(fs::path(path).filename().string(), " is not there, or no file"));
  }
  return base::ReadFile(path, kLargestFile);
}

// A folder that goes when this object does.
class TemporaryFolder {
 public:
  static absl::StatusOr<TemporaryFolder> Make() {
    const char* parent = std::getenv("TMPDIR");
    std::string path = absl::StrCat(parent == nullptr ? "/tmp" : parent, "/joinery-vendor-XXXXXX");
    if (mkdtemp(path.data()) == nullptr) return base::ErrnoStatus(errno, absl::StrCat("cannot make ", path));
    return TemporaryFolder(path);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

struct CloseArchive {
  void operator()(archive* written) const { archive_write_free(written); }
};

// The samples whose name begins with `prefix` (without it), as a tar of the same bytes each time.
absl::Status WriteTar(const DataSet& data_set, const std::string& prefix, const std::string& path) {
  const std::unique_ptr<archive, CloseArchive> tar(archive_write_new());
  archive_write_set_format_ustar(tar.get());
  const auto failed = [&] {
    return absl::InternalError(absl::StrCat("cannot write ", path, ": ", archive_error_string(tar.get())));
  };
  if (archive_write_open_filename(tar.get(), path.c_str()) != ARCHIVE_OK) return failed();
  for (size_t i = 0; i < data_set.size(); ++i) {
    if (!absl::StartsWith(data_set.name(i), prefix)) continue;
    ASSIGN_OR_RETURN(const std::string bytes, data_set.Read(i));
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(), archive_entry_free);
    archive_entry_set_pathname(entry.get(), data_set.name(i).substr(prefix.size()).c_str());
    archive_entry_set_size(entry.get(), static_cast<int64_t>(bytes.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    if (archive_write_header(tar.get(), entry.get()) != ARCHIVE_OK ||
        archive_write_data(tar.get(), bytes.data(), bytes.size()) != static_cast<la_ssize_t>(bytes.size())) {
      return failed();
    }
  }
  return archive_write_close(tar.get()) == ARCHIVE_OK ? absl::OkStatus() : failed();
}

std::vector<std::string> NamesOf(const google::protobuf::RepeatedPtrField<v1::InputConfiguration>& inputs) {
  std::vector<std::string> names;
  for (const v1::InputConfiguration& input : inputs) names.push_back(input.name());
  return names;
}

class VendorBuild {
 public:
  VendorBuild(const VendorOptions& options, const BuildArguments& build, v1::Report& report, BuildListener& listener,
              TemporaryFolder folder)
      : options_(options),
        build_(build),
        report_(report),
        listener_(listener),
        folder_(std::move(folder)),
        container_(fs::path(folder_.path()).filename().string()),
        dialect_(DialectOf(options.tool.name)) {}

  absl::Status Run() {
    ASSIGN_OR_RETURN(joint_, ReadJoint(build_.output_path));
    ASSIGN_OR_RETURN(const DataSet data_set, DataSet::Open(build_.calibration_path, {}));
    ASSIGN_OR_RETURN(const FeedSource source, FeedSource::Create(data_set, joint_.manifest.configuration()));
    RETURN_IF_ERROR(LayOut(data_set));
    ASSIGN_OR_RETURN(v1::VendorBinary description, Describe());
    RETURN_IF_ERROR(RunTool(dialect_.build_arguments, options_.time_limit, /*is_told=*/true));
    const absl::StatusOr<std::string> bytes =
        ReadOutput(folder_ / absl::StrCat(kVendorOutput, "/", dialect_.binary_file));
    if (!bytes.ok() || bytes->empty()) {
      return ToolFailed(absl::StrCat(options_.tool.name, " ended well but made no ", dialect_.binary_file, " (",
                                     bytes.ok() ? "it is empty" : bytes.status().message(),
                                     "); what it printed is in the log"));
    }
    const absl::Status compared = Compare(source, description);
    if (absl::IsCancelled(compared)) return compared;
    if (!compared.ok()) {
      description.set_not_compared(std::string(compared.message()));
      const std::string warning = absl::StrCat("the binary's numbers were not compared: ", compared.message());
      report_.add_warnings(warning);
      listener_.OnLog(v1::LOG_LEVEL_WARNING, warning);
    }
    return Write(*bytes, std::move(description));
  }

 private:
  const v1::BuildConfiguration& configuration() const { return joint_.manifest.configuration(); }

  absl::Status LayOut(const DataSet& data_set) {
    for (const char* name : {"input/0", kVendorOutput, kVendorSimulated, "calibration"}) {
      std::error_code error;
      fs::create_directories(folder_ / name, error);
      if (error) return absl::InternalError(absl::StrCat("cannot make ", folder_ / name, ": ", error.message()));
    }
    ASSIGN_OR_RETURN(const std::string model, base::ReadFile(build_.model_path, kLargestFile));
    RETURN_IF_ERROR(base::WriteFileAtomically(folder_ / kVendorModel, model));
    const std::vector<std::string> inputs = NamesOf(configuration().inputs());
    std::vector<std::string> archives;
    for (size_t i = 0; i < inputs.size(); ++i) {
      archives.push_back(absl::StrCat("calibration/", i, ".tar"));
      RETURN_IF_ERROR(
          WriteTar(data_set, inputs.size() == 1 ? "" : absl::StrCat(inputs[i], "/"), folder_ / archives.back()));
    }
    ASSIGN_OR_RETURN(const std::string text, WriteVendorConfiguration(build_.configuration, configuration(), archives));
    return base::WriteFileAtomically(folder_ / dialect_.configuration_file, text);
  }

  absl::StatusOr<v1::VendorBinary> Describe() {
    RETURN_IF_ERROR(RunTool(dialect_.version_arguments, kShortLimit, /*is_told=*/false));
    v1::VendorBinary description;
    description.set_tool(options_.tool.name);
    description.set_tool_version(VersionIn(lines_));
    description.set_hardware(HardwareOf(configuration()));
    description.set_file_name(dialect_.binary_file);
    listener_.OnLog(v1::LOG_LEVEL_INFO,
                    absl::StrCat(options_.tool.name, " ", description.tool_version(), " makes the binary"));
    return description;
  }

  // Its output is kept in lines_ and, if `is_told`, passed on.
  absl::Status RunTool(const std::vector<std::string>& arguments, absl::Duration limit, bool is_told) {
    lines_.clear();
    const auto take = [&](absl::string_view line) {
      if (is_told) listener_.OnLog(LevelOf(line), absl::StrCat(options_.tool.name, ": ", line));
      lines_.emplace_back(line);
      if (lines_.size() > kKeptLines) lines_.pop_front();
    };
    const absl::StatusOr<ProgramEnd> end =
        RunProgram(VendorCommand(options_.tool, arguments, folder_.path(), container_), folder_.path(),
                   {.wall_time = limit}, take);
    if (!end.ok()) return WithReason(end.status(), v1::FAILURE_REASON_WORKER_FAULT);
    const bool is_bad = end->out_of_time || end->signal != 0 || end->wait_status != 0;
    if (is_bad && !options_.tool.image.empty()) {
      // Without its client a container goes on.
      RunProgram(EndContainerCommand(container_), folder_.path(), {.wall_time = kShortLimit}, [](absl::string_view) {})
          .status()
          .IgnoreError();
    }
    return StatusOf(*end, limit);
  }

  absl::Status StatusOf(const ProgramEnd& end, absl::Duration limit) const {
    const std::string& name = options_.tool.name;
    if (end.signal != 0) return absl::CancelledError(absl::StrCat(name, " was stopped"));
    if (end.out_of_time) {
      return WithReason(absl::DeadlineExceededError(absl::StrCat(name, " did not end within ",
                                                                 absl::FormatDuration(limit), " and was stopped")),
                        v1::FAILURE_REASON_TIMED_OUT);
    }
    if (end.wait_status == 0) return absl::OkStatus();
    const Problem problem = ProblemIn(lines_);
    const std::string words = problem.text.empty() ? "it printed nothing" : problem.text;
    if (problem.is_memory) return OutOfMemory(absl::StrCat(name, " failed: ", words));
    if (WIFSIGNALED(end.wait_status)) {
      const int signal = WTERMSIG(end.wait_status);
      if (signal == SIGKILL) {
        return OutOfMemory(absl::StrCat(name, " was killed, most likely because memory ran out: ", words));
      }
      return ToolFailed(absl::StrCat(name, " crashed (signal ", signal, "): ", words));
    }
    return ToolFailed(absl::StrCat(name, " failed (exit code ", WEXITSTATUS(end.wait_status), "): ", words));
  }

  // The simulator against the `.joint`, on the first sample.
  absl::Status Compare(const FeedSource& source, v1::VendorBinary& description) {
    ASSIGN_OR_RETURN(const std::vector<Tensor> feed, source.Load(0));
    const std::vector<std::string> inputs = NamesOf(configuration().inputs());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const absl::string_view bytes(reinterpret_cast<const char*>(feed[i].bytes.data()), feed[i].bytes.size());
      RETURN_IF_ERROR(base::WriteFileAtomically(folder_ / VendorInputFile(options_.tool.name, inputs[i]), bytes));
    }
    RETURN_IF_ERROR(base::WriteFileAtomically(folder_ / "input/list.txt", "0\n"));
    RETURN_IF_ERROR(RunTool(dialect_.simulate_arguments(inputs), options_.time_limit, /*is_told=*/true));
    ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor, LoadOnnxRuntime(joint_.model, {}));
    ASSIGN_OR_RETURN(const std::vector<Tensor> ours, RunToTensors(*executor, feed));
    for (size_t i = 0; i < ours.size(); ++i) {
      RETURN_IF_ERROR(CompareOutput(executor->outputs()[i].name, ours[i], description));
    }
    return absl::OkStatus();
  }

  absl::Status CompareOutput(const std::string& name, const Tensor& ours, v1::VendorBinary& description) const {
    if (ours.element_type != onnx::TensorProto::FLOAT) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::string bytes, ReadOutput(folder_ / VendorOutputFile(options_.tool.name, name)));
    if (bytes.size() != ours.bytes.size()) {
      return absl::InvalidArgumentError(absl::StrCat("the simulator wrote ", bytes.size(), " bytes for output \"", name,
                                                     "\", which has ", ours.bytes.size()));
    }
    Tensor theirs = ours;
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(theirs.bytes.data()));
    Comparison comparison;
    comparison.Add(ours.values<float>(), theirs.values<float>());
    *description.add_outputs() = comparison.ToProto(name);
    return absl::OkStatus();
  }

  absl::Status Write(const std::string& bytes, v1::VendorBinary description) {
    AttachBinary(bytes, std::move(description), joint_.model, joint_.manifest);
    ASSIGN_OR_RETURN(const int64_t artifact_bytes,
                     WriteJoint(build_.output_path, std::move(joint_.model), joint_.manifest));
    report_.set_artifact_bytes(artifact_bytes);
    *report_.mutable_manifest()->mutable_vendor_binary() = joint_.manifest.vendor_binary();
    return WriteReportFiles(report_, build_.report_path, build_.html_report_path);
  }

  const VendorOptions& options_;
  const BuildArguments& build_;
  v1::Report& report_;
  BuildListener& listener_;
  const TemporaryFolder folder_;
  const std::string container_;
  const VendorDialect& dialect_;
  Joint joint_;
  // What the tool printed last.
  std::deque<std::string> lines_;
};

}  // namespace

absl::Status CheckVendorTool(const VendorTool& tool, const Configuration& configuration) {
  if (ToolOf(configuration) != tool.name) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat("the configuration is one of ", ToolOf(configuration),
                                                              " build, and the tool is ", tool.name,
                                                              ": give the configuration in its dialect")),
                      v1::FAILURE_REASON_INVALID_CONFIG);
  }
  const absl::StatusOr<ConfiguredFiles> files = FilesOf(configuration);
  if (!files.ok() || !files->input_calibration.empty()) {
    return WithReason(
        absl::InvalidArgumentError("with the vendor's tool there is one calibration set for all inputs: make "
                                   "one that has a folder with the name of each"),
        v1::FAILURE_REASON_INVALID_CONFIG);
  }
  if (tool.path.empty() || access(tool.path.c_str(), X_OK) == 0) return absl::OkStatus();
  return WithReason(base::ErrnoStatus(errno, absl::StrCat("cannot run ", tool.path)), v1::FAILURE_REASON_WORKER_FAULT);
}

absl::Status AttachVendorBinary(const VendorOptions& options, const BuildArguments& build, v1::Report& report,
                                BuildListener& listener) {
  RETURN_IF_ERROR(CheckVendorTool(options.tool, build.configuration));
  ASSIGN_OR_RETURN(TemporaryFolder folder, TemporaryFolder::Make());
  return VendorBuild(options, build, report, listener, std::move(folder)).Run();
}

}  // namespace joinery::compiler
