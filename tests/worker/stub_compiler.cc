// Stands in for joineryc: takes its command line, and does what the first word of the configuration file says. What it
// can do is the table at the end.
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct Arguments {
  std::map<std::string, std::string> options;
  std::string configuration;
};

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Tell(const std::string& line) {
  const std::string text = line + "\n";
  if (write(3, text.data(), text.size()) < 0) _exit(99);
}

void Log(const std::string& text) { Tell(R"({"log":{"level":"LOG_LEVEL_INFO","text":")" + text + R"("}})"); }

[[noreturn]] void Hang() {
  while (true) pause();
}

// The artifact is the model and the calibration set, one after the other.
int Succeed(const Arguments& arguments) {
  Tell(R"({"progress":{"stage":"import","stageIndex":1,"stageCount":2,"fraction":1}})");
  Log("imported model.onnx");
  Tell(R"({"progress":{"stage":"calibrate","stageIndex":2,"stageCount":2,"fraction":0.5}})");
  std::ofstream(arguments.options.at("--output"))
      << ReadAll(arguments.options.at("--input")) << ReadAll(arguments.options.at("--calibration"));
  std::ofstream(arguments.options.at("--report")) << R"({"modelBytes":"1"})";
  const auto page = arguments.options.find("--html-report");
  if (page != arguments.options.end()) std::ofstream(page->second) << "<p>the report";
  return 0;
}

// Writes what it finds around itself into the report.
int Describe(const Arguments& arguments) {
  std::ostringstream text;
  for (char** variable = environ; *variable != nullptr; ++variable) text << *variable << '\n';
  text << "folder=" << std::unique_ptr<char, decltype(&free)>(getcwd(nullptr, 0), &free).get() << '\n';
  text << "session_leader=" << (getsid(0) == getpid()) << " group_leader=" << (getpgrp() == getpid()) << '\n';
  for (const auto& [name, resource] : {std::pair{"as", RLIMIT_AS}, {"core", RLIMIT_CORE}, {"fsize", RLIMIT_FSIZE}}) {
    rlimit limit{};
    getrlimit(resource, &limit);
    text << "rlimit_" << name << '=' << limit.rlim_cur << '\n';
  }
  DIR* folder = opendir("/proc/self/fd");
  int open_descriptors = -1;  // Of the folder itself.
  while (const dirent* entry = readdir(folder)) open_descriptors += entry->d_name[0] != '.' ? 1 : 0;
  text << "descriptors=" << open_descriptors << '\n';
  char byte = 0;
  text << "stdin_is_empty=" << (read(0, &byte, 1) == 0) << '\n';
  sigset_t blocked;
  sigprocmask(SIG_BLOCK, nullptr, &blocked);
  text << "sigterm_blocked=" << sigismember(&blocked, SIGTERM) << '\n';
  for (const auto& [name, value] : arguments.options) text << name << ' ' << value << '\n';
  std::ofstream(arguments.options.at("--output")) << "artifact";
  std::ofstream(arguments.options.at("--report")) << text.str();
  return 0;
}

int Fail(const Arguments&) {
  Tell(R"({"failure":{"reason":"FAILURE_REASON_INVALID_CONFIG","message":"config.prototxt has a mistake",)"
       R"("culprit":"config.prototxt:3:5"}})");
  return 1;
}

int Exit(const Arguments& arguments) {
  std::cerr << "last words" << std::endl;
  return std::stoi(arguments.configuration);
}

int ThrowBadAlloc(const Arguments&) { throw std::bad_alloc(); }

int Allocate(const Arguments&) {
  std::vector<std::unique_ptr<std::string>> blocks;
  while (true) blocks.push_back(std::make_unique<std::string>(size_t{16} << 20, 'x'));
}

// "COUNT MEBIBYTES": so many processes, each with so much memory of its own.
int AllocateTogether(const Arguments& arguments) {
  std::istringstream words(arguments.configuration);
  int count = 0;
  size_t mebibytes = 0;
  words >> count >> mebibytes;
  for (int i = 0; i < count; ++i) {
    if (fork() != 0) continue;
    const std::string memory(mebibytes << 20, 'x');
    sleep(60);
    return memory.back() == 'x' ? 0 : 1;
  }
  sleep(3);
  return Succeed(arguments);
}

// "COUNT MEBIBYTES": so many processes that share so much memory.
int ShareMemory(const Arguments& arguments) {
  std::istringstream words(arguments.configuration);
  int count = 0;
  size_t mebibytes = 0;
  words >> count >> mebibytes;
  const std::string memory(mebibytes << 20, 'x');
  for (int i = 0; i < count; ++i) {
    if (fork() != 0) continue;
    sleep(60);
    return memory.back() == 'x' ? 0 : 1;
  }
  sleep(3);
  return Succeed(arguments);
}

int Raise(const Arguments& arguments) {
  signal(SIGSEGV, SIG_DFL);
  std::cerr << "last words" << std::endl;
  raise(std::stoi(arguments.configuration));
  return 0;
}

int HangAndTell(const Arguments&) {
  Log("pid=" + std::to_string(getpid()));
  Hang();
}

int HangDeaf(const Arguments&) {
  signal(SIGTERM, SIG_IGN);
  Log("pid=" + std::to_string(getpid()));
  Hang();
}

int Spin(const Arguments&) {
  volatile bool go_on = true;
  while (go_on) {
  }
  return 0;
}

int WriteMuch(const Arguments& arguments) {
  const int fd = open(arguments.options.at("--output").c_str(), O_WRONLY | O_CREAT, 0600);
  const std::string block(1 << 20, 'x');
  while (write(fd, block.data(), block.size()) > 0) {
  }
  return 0;
}

int TellGarbage(const Arguments& arguments) {
  Tell("this is no JSON");
  Tell(R"({"log": 3)");
  Tell(std::string(200'000, '{'));
  Tell("\xff\xfe\x01 bytes");
  Tell(R"({"unknown":{"field":1},"log":{"level":"LOG_LEVEL_INFO","text":"after the garbage"}})");
  return Succeed(arguments);
}

// Leaves somebody behind who holds all descriptors.
int ForkGrandchild(const Arguments& arguments) {
  const pid_t pid = fork();
  if (pid == 0) Hang();
  Log("pid=" + std::to_string(pid));
  return Succeed(arguments);
}

int LogWithoutEnd(const Arguments&) {
  while (true) Log("again and again");
}

int PrintWithoutEnd(const Arguments&) {
  while (true) std::cout << "more and more\n";
}

int MakeNothing(const Arguments&) { return 0; }

int LinkElsewhere(const Arguments& arguments) {
  if (symlink("/etc/hostname", arguments.options.at("--output").c_str()) != 0) return 1;
  std::ofstream(arguments.options.at("--report")) << "{}";
  return 0;
}

int MakeLockedFolder(const Arguments& arguments) {
  mkdir("locked", 0700);
  std::ofstream("locked/file") << "text";
  chmod("locked", 0);
  return Succeed(arguments);
}

std::string Try(const std::string& what, bool done) {
  return what + "=" + (done ? "done" : strerrorname_np(errno)) + "\n";
}

std::string TryToOpen(const std::string& what, const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags, 0600);
  const std::string line = Try(what, fd >= 0);
  if (fd >= 0) close(fd);
  return line;
}

int CountProcesses() {
  DIR* folder = opendir("/proc");
  if (folder == nullptr) return 0;
  int count = 0;
  while (const dirent* entry = readdir(folder)) count += isdigit(static_cast<unsigned char>(entry->d_name[0])) ? 1 : 0;
  return count;
}

// Tries what a compiler has no business with, and writes into the report how far it came. The configuration has the
// path of a secret, a folder that is not its own, and a process that is not its own.
int Trespass(const Arguments& arguments) {
  std::istringstream words(arguments.configuration);
  std::string secret;
  std::string folder;
  pid_t stranger = 0;
  words >> secret >> folder >> stranger;
  const std::string parent = "/proc/" + std::to_string(getppid());
  std::ostringstream report;
  report << TryToOpen("read_secret", secret, O_RDONLY) << TryToOpen("list_folder", folder, O_RDONLY | O_DIRECTORY)
         << TryToOpen("write_outside", folder + "/new", O_WRONLY | O_CREAT)
         << TryToOpen("write_library", "/usr/lib/joinery-test", O_WRONLY | O_CREAT)
         << TryToOpen("read_passwords", "/etc/shadow", O_RDONLY) << TryToOpen("write_own", "own", O_WRONLY | O_CREAT)
         << TryToOpen("memory_of_parent", parent + "/mem", O_RDONLY)
         << TryToOpen("environment_of_parent", parent + "/environ", O_RDONLY)
         << "command_line_of_parent=" << ReadAll(parent + "/cmdline").c_str() << "\n"
         << Try("signal_stranger", kill(stranger, 0) == 0) << Try("socket", socket(AF_INET, SOCK_STREAM, 0) >= 0)
         << Try("unix_socket", socket(AF_UNIX, SOCK_STREAM, 0) >= 0) << Try("namespace", unshare(CLONE_NEWUSER) == 0)
         << Try("mount", mount("tmpfs", "/tmp", "tmpfs", 0, nullptr) == 0) << Try("become_root", setuid(0) == 0)
         << Try("run_own", execl("own", "own", nullptr) == 0) << "processes=" << CountProcesses() << "\n"
         << "no_new_privileges=" << prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) << "\n";
  std::ofstream(arguments.options.at("--output")) << "artifact";
  std::ofstream(arguments.options.at("--report")) << report.str();
  return 0;
}

// Writes to the devices that the configuration names, and says what became of it.
int UseDevices(const Arguments& arguments) {
  std::istringstream words(arguments.configuration);
  std::ostringstream report;
  for (std::string device; words >> device;) report << TryToOpen("use", device, O_RDWR);
  rlimit addresses{};
  rlimit data{};
  getrlimit(RLIMIT_AS, &addresses);
  getrlimit(RLIMIT_DATA, &data);
  report << "addresses=" << addresses.rlim_cur << " data=" << data.rlim_cur << "\n";
  for (char** variable = environ; *variable != nullptr; ++variable) report << *variable << "\n";
  std::ofstream(arguments.options.at("--report")) << report.str();
  return 0;
}

// Holds a lock on the file `held` for as long as it or one of its children lives.
void HoldLock() {
  const int fd = open("held", O_RDONLY | O_CREAT, 0600);
  if (fd < 0 || flock(fd, LOCK_EX) != 0) _exit(98);
}

// Leaves processes behind in sessions of their own, whose parents are gone.
int LeaveDaemons(const Arguments& arguments) {
  HoldLock();
  for (int i = 0; i < 20; ++i) {
    if (fork() != 0) continue;
    setsid();
    if (fork() != 0) _exit(0);
    signal(SIGTERM, SIG_IGN);
    Hang();
  }
  return Succeed(arguments);
}

// Ends by SIGKILL only.
int HangLocked(const Arguments&) {
  HoldLock();
  signal(SIGTERM, SIG_IGN);
  Log("locked");
  Hang();
}

// Until the folder that the configuration names has a file `go`.
int WaitForGo(const Arguments& arguments) {
  Log("waiting");
  while (access((arguments.configuration + "/go").c_str(), F_OK) != 0) usleep(10'000);
  return Succeed(arguments);
}

int ForkBomb(const Arguments&) {
  HoldLock();
  while (true) {
    if (fork() < 0 && errno == EAGAIN) Log("no more processes");
  }
}

// Forks until it may not, or 2000 times.
int ForkMany(const Arguments& arguments) {
  int forks = 0;
  for (; forks < 2000; ++forks) {
    const pid_t pid = fork();
    if (pid == 0) Hang();
    if (pid < 0) break;
  }
  Log("forks=" + std::to_string(forks) + " error=" + strerrorname_np(errno));
  return Succeed(arguments);
}

int WriteManyFiles(const Arguments&) {
  const std::string block(1 << 20, 'x');
  for (int i = 0; i < 200; ++i) std::ofstream("file" + std::to_string(i)) << block;
  Hang();
}

int ReadNull(const Arguments&) {
  std::cerr << "last words" << std::endl;
  int* volatile nowhere = nullptr;
  return *nowhere;
}

int Abort(const Arguments&) { abort(); }

const std::map<std::string, std::function<int(const Arguments&)>> kDeeds = {
    {"succeed", Succeed},
    {"describe", Describe},
    {"fail", Fail},
    {"exit", Exit},
    {"throw_bad_alloc", ThrowBadAlloc},
    {"allocate", Allocate},
    {"allocate_together", AllocateTogether},
    {"share_memory", ShareMemory},
    {"raise", Raise},
    {"hang", HangAndTell},
    {"hang_deaf", HangDeaf},
    {"spin", Spin},
    {"write_much", WriteMuch},
    {"tell_garbage", TellGarbage},
    {"fork_grandchild", ForkGrandchild},
    {"log_without_end", LogWithoutEnd},
    {"print_without_end", PrintWithoutEnd},
    {"make_nothing", MakeNothing},
    {"link_elsewhere", LinkElsewhere},
    {"make_locked_folder", MakeLockedFolder},
    {"trespass", Trespass},
    {"use_devices", UseDevices},
    {"leave_daemons", LeaveDaemons},
    {"hang_locked", HangLocked},
    {"wait_for_go", WaitForGo},
    {"fork_bomb", ForkBomb},
    {"fork_many", ForkMany},
    {"write_many_files", WriteManyFiles},
    {"read_null", ReadNull},
    {"abort", Abort},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--version") {
    std::cout << "joineryc 1.2.3\n";
    return 0;
  }
  if (argc < 2 || std::string(argv[1]) != "build") return 2;
  Arguments arguments;
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    if (equals != std::string::npos) {
      arguments.options[word.substr(0, equals)] += word.substr(equals + 1) + ";";
    } else if (i + 1 < argc) {
      arguments.options[word] = argv[++i];
    }
  }
  std::istringstream configuration(ReadAll(arguments.options.at("--config")));
  std::string deed;
  configuration >> deed;
  std::getline(configuration >> std::ws, arguments.configuration);
  return kDeeds.at(deed)(arguments);
}
