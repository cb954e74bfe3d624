// Programs that crash, hang, lie or shout: the episodes are masked, the run goes on.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "envs/env.h"
#include "tests/envs/outcomes.h"
#include "tests/envs/program_file.h"
#include "tests/error_of.h"

namespace agon::envs {
namespace {

const char* const kFaults = R"(
    def grade(self, task, completion):
        if completion == "die":
            print("the dice fell off the table", file=sys.stderr)
            os._exit(3)
        if completion == "raise":
            raise ValueError("no dice")
        if completion == "nan":
            return float("nan")
        if completion == "loop":
            while True: pass
        if completion == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        if completion == "bad type":
            return object()
        if completion == "exit":
            sys.exit("enough")
        return 1
)";

TEST(ProcessFaultTest, ACrashMasksWhatWasOnItsWayAndTheRunGoesOn) {
  const TestProgram program("crash.py", ModuleProgram(kFaults));
  const auto victim = program.Start(1), bystander = program.Start(2);
  const Outcome outcome = std::get<Outcome>(victim->Step("die", false));
  ExpectMasked(outcome, "environment", "exit status 3: the dice fell off the table");
  // A session of the dead process is lost; a fresh episode is not.
  ExpectMasked(std::get<Outcome>(bystander->Step("1", false)), "environment", "exit status 3");
  EXPECT_EQ(program.Say().Reward(), 1);
  const ProgramHealth health = program.host->Health();
  EXPECT_EQ(health.num_starts, 2);
  EXPECT_EQ(health.num_crashes, 1);
  EXPECT_EQ(health.num_masked, 2);
  EXPECT_TRUE(Contains(Describe(health), "1 crashes, 0 timeouts, 0 bad lines, 2 episodes masked"));
  EXPECT_TRUE(Contains(Describe(health), "the dice fell off the table"));
}

TEST(ProcessFaultTest, AMaskedEpisodeStaysMasked) {
  const TestProgram program("stays.py", ModuleProgram(kFaults));
  const auto episode = program.Start();
  ExpectMasked(std::get<Outcome>(episode->Step("raise", false)), "environment", "no dice");
  ExpectMasked(std::get<Outcome>(episode->Step("1", false)), "environment", "no dice");
  EXPECT_EQ(program.host->Health().num_masked, 1);
}

TEST(ProcessFaultTest, AFreshEpisodeDemonstratesAgainAfterACrash) {
  const TestProgram program("fresh.py", ModuleProgram(kFaults));
  const Task task = program.env->Get(Split::kTrain, 1, 7);
  const auto episode = program.env->Start(task);
  ExpectMasked(program.Say("exit"), "environment", "exit status 1: enough");
  EXPECT_EQ(episode->Demonstrate(Labeler::kImmediate, 0), task.answer);
}

TEST(ProcessFaultTest, ExceptionsShowTheLastLineOfTheTraceback) {
  const TestProgram program("raise.py", ModuleProgram(kFaults + std::string(R"(
    def demonstrate(self, task, session, labeler, variant):
        return {}["missing"]
)")));
  ExpectMasked(program.Say("raise"), "environment", "ValueError: no dice (");
  ExpectMasked(program.Say("raise"), "environment", "in grade)");
  ExpectMasked(program.Say("bad type"), "environment", "return a Turn, an Outcome or a number");
  const auto demonstrate = [&] { program.Start()->Demonstrate(Labeler::kImmediate, 0); };
  EXPECT_TRUE(Contains(ErrorOf(demonstrate, ErrorKind::kFailed), "KeyError: 'missing'"));
  EXPECT_EQ(program.host->Health().num_crashes, 0);
}

TEST(ProcessFaultTest, NanIsMaskedNeverScored) {
  const TestProgram program("nan.py", ModuleProgram(kFaults));
  ExpectMasked(program.Say("nan"), "grader", "\"correct\" is not a finite number");
  for (const std::string number : {"NaN", "1e999", "-Infinity"}) {
    const TestProgram raw(
        "nan_" + number + ".py",
        RawProgram("    if request['type'] != 'step': return serve(request)\n"
                   "    write('{\"id\":%d,\"type\":\"result\",\"data\":{\"outcome\":"
                   "{\"parts\":[{\"name\":\"a\",\"value\":" +
                   number + "}]}}}' % request['id'])"));
    ExpectMasked(raw.Say(), "environment", "the reply is broken");
    ExpectMasked(raw.Say(), "environment", number);
  }
}

TEST(ProcessFaultTest, AnEndlessStepMasksOnlyItsEpisode) {
  const TestProgram program("loop.py", ModuleProgram(kFaults, 300));
  const auto bystander = program.Start(2);
  ExpectMasked(program.Say("loop"), "timeout", "no answer within 300 ms");
  EXPECT_EQ(std::get<Outcome>(bystander->Step("1", false)).Reward(), 1);
  const ProgramHealth health = program.host->Health();
  EXPECT_EQ(health.num_crashes, 0);
  EXPECT_EQ(health.num_timeouts, 1);
  EXPECT_EQ(health.num_masked, 1);
}

TEST(ProcessFaultTest, AProgramThatHangsIsKilledAndStartedAgain) {
  const TestProgram program("hang.py", ModuleProgram(kFaults, 300));
  const auto bystander = program.Start(2);
  ExpectMasked(program.Say("stop"), "timeout", "no answer within 300 ms");
  ExpectMasked(std::get<Outcome>(bystander->Step("1", false)), "environment",
               "killed: it answered nothing for 300 ms");
  EXPECT_EQ(program.Say().Reward(), 1);
  EXPECT_EQ(program.host->Health().num_starts, 2);
  EXPECT_EQ(program.host->Health().num_timeouts, 1);
}

TEST(ProcessFaultTest, AnIgnoredRequestIsMaskedWhileOthersGoOn) {
  const TestProgram program("ignores.py", RawProgram(R"(    if request["type"] == "step" and \
            request["data"]["completion"] == "ignore me":
        return
    serve(request))",
                                                     500));
  std::thread ignored([&] { ExpectMasked(program.Say("ignore me"), "timeout", "500 ms"); });
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  while (std::chrono::steady_clock::now() < end) {
    ASSERT_EQ(program.Say().Reward(), 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ignored.join();
  EXPECT_EQ(program.host->Health().num_crashes, 0);
}

TEST(ProcessFaultTest, GarbageIsToleratedAndShown) {
  const TestProgram program("garbage.py", RawProgram(R"(    write("debug: got " + request["type"])
    write("[1,2")
    write('{"id": 999999, "type": "result"}')
    write('{"batch": 7}')
    write("\0\xff" * 50)
    serve(request)
    if request["type"] == "step": os._exit(0))"));
  EXPECT_EQ(program.Say().Reward(), 1);
  EXPECT_GE(program.host->Health().num_bad_lines, 15);
  const std::string error = ErrorOf(
      [] {
        const TestProgram silent("silent.py", RawProgram("    write('Hello, world')\n"
                                                         "    os._exit(1)"));
      },
      ErrorKind::kFailed);
  EXPECT_TRUE(Contains(error, "Hello, world")) << error;
}

TEST(ProcessFaultTest, FloodsEnd) {
  const TestProgram shouts("shouts.py", RawProgram(R"(    if request["type"] == "step":
        while True: print("spam")
    serve(request))"));
  ExpectMasked(shouts.Say(), "environment", "lines on stdout that are no replies");
  const TestProgram line("long_line.py", RawProgram(R"(    if request["type"] == "step":
        while True: sys.stdout.write("x" * 1000000)
    serve(request))"));
  ExpectMasked(line.Say(), "environment", "a line longer than 64 MB");
  const TestProgram errors("errors.py", RawProgram(R"(    if request["type"] == "step":
        for _ in range(100000): print("complaint", file=sys.stderr)
    serve(request))"));
  EXPECT_EQ(errors.Say().Reward(), 1);
}

TEST(ProcessFaultTest, ARepliesShapeIsChecked) {
  const auto say = [](const std::string& name, const std::string& data) {
    const TestProgram program(name,
                              RawProgram("    if request['type'] != 'step': return serve(request)\n"
                                         "    result(request, " +
                                         data + ")"));
    return program.Say();
  };
  ExpectMasked(say("shape1.py", "7"), "environment", "missing field \"outcome\"");
  ExpectMasked(say("shape2.py", "{'outcome': {'parts': 3}}"), "environment", "\"parts\"");
  ExpectMasked(say("shape3.py", "{'turn': {'messages': [], 'seat': 2}}"), "environment",
               "no seat 2");
  ExpectMasked(say("shape4.py", "{'turn': {'messages': [{'role': 'god', 'content': ''}]}}"),
               "environment", "no role");
}

TEST(ProcessFaultTest, AClosedStdoutIsTheEnd) {
  const TestProgram program("closed.py", RawProgram(R"(    if request["type"] == "step":
        import socket
        socket.socket(fileno=1).shutdown(socket.SHUT_RDWR)
        time.sleep(60)
    serve(request))"));
  EXPECT_TRUE(program.Say().masked);
}

TEST(ProcessStartTest, EachBadStartIsAClearError) {
  const auto load = [](const std::string& name, const std::string& text,
                       const ProcessOptions& options = QuietOptions()) {
    return [=] { const TestProgram program(name, text, "", options); };
  };
  const std::string version = ErrorOf(
      load("version.py", RawProgram("    serve(request)", 60000, 2)), ErrorKind::kUnsupported);
  EXPECT_TRUE(Contains(version, "version 2")) << version;
  EXPECT_TRUE(Contains(ErrorOf(load("import.py", "import no_such_module\n"), ErrorKind::kFailed),
                       "ModuleNotFoundError: No module named 'no_such_module'"));
  EXPECT_TRUE(Contains(ErrorOf(load("empty.py", ""), ErrorKind::kFailed), "exit status 0"));
  EXPECT_TRUE(Contains(
      ErrorOf(
          load("none.py", RawProgram("    result(request, {'version': 1, 'environments': []})")),
          ErrorKind::kCorrupt),
      "no environment"));
  EXPECT_TRUE(Contains(ErrorOf(load("broken", "#!/no/such/interpreter\n"), ErrorKind::kFailed),
                       "No such file"));
  ProcessOptions hasty = QuietOptions();
  hasty.hello_limit_ms = 100;
  EXPECT_TRUE(
      Contains(ErrorOf(load("slow.py", "import time\ntime.sleep(20)\n", hasty), ErrorKind::kFailed),
               "no answer within 100 ms"));
  hasty.hello_limit_ms = 20000;
  const TestProgram slow("slower.py", "import time\ntime.sleep(1)\n" + ModuleProgram(""), "",
                         hasty);
  EXPECT_EQ(slow.host->Health().num_starts, 1);
}

TEST(ProcessStartTest, LoadPluginNamesTheFile) {
  const auto load = [](const std::string& file) { return [=] { LoadPlugin(file); }; };
  EXPECT_TRUE(Contains(ErrorOf(load("/nowhere/x.py"), ErrorKind::kNotFound), "/nowhere/x.py"));
  EXPECT_TRUE(Contains(ErrorOf(load(testing::TempDir()), ErrorKind::kNotFound), "no such plugin"));
  const fs::path text = WriteProgram("text.txt", "not a program");
  fs::permissions(text, fs::perms::owner_read);
  EXPECT_TRUE(Contains(ErrorOf(load(text), ErrorKind::kUnsupported), "an executable file"));
  const fs::path file = WriteProgram("fine.py", ModuleProgram(""));
  EXPECT_TRUE(Contains(ErrorOf(load(file.string() + ",processes=0"), ErrorKind::kUsage), "1..64"));
}

TEST(ProcessRestartTest, TooManyCrashesInARowAreAnError) {
  ProcessOptions options = QuietOptions();
  options.max_crashes = 4;
  const TestProgram program("always.py", RawProgram(R"(    if request["type"] == "get": os._exit(9)
    serve(request))"),
                            "", options);
  const auto get = [&] { program.env->Get(Split::kTrain, 0, 0); };
  EXPECT_TRUE(Contains(ErrorOf(get, ErrorKind::kFailed), "exit status 9"));
  std::string last;
  for (int i = 0; i < 4; ++i) last = ErrorOf(get, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(last, "ended 4 times in a row")) << last;
  EXPECT_TRUE(Contains(last, "run it by hand")) << last;
  EXPECT_EQ(program.host->Health().num_starts, 4);
}

TEST(ProcessRestartTest, ProgressForgivesCrashes) {
  ProcessOptions options = QuietOptions();
  options.max_crashes = 2;
  const TestProgram program("forgiven.py", ModuleProgram(kFaults), "", options);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(program.Say().Reward(), 1);
    EXPECT_TRUE(program.Say("die").masked);
  }
  EXPECT_EQ(program.Say().Reward(), 1);
  EXPECT_EQ(program.host->Health().num_crashes, 4);
}

TEST(ProcessRestartTest, CrashesUnderManyThreadsLoseNothing) {
  const TestProgram program("storm.py", ModuleProgram(kFaults));
  std::atomic<int> num_right = 0, num_masked = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const Outcome outcome = program.Say(t == 0 && i % 10 == 5 ? "die" : "1");
        ++(outcome.masked ? num_masked : num_right);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_right + num_masked, 160);
  EXPECT_GE(num_masked, 2);
  EXPECT_EQ(program.host->Health().num_masked, num_masked);
  EXPECT_EQ(program.host->num_sessions(), 0);
}

}  // namespace
}  // namespace agon::envs
