package dev.trireme.launcher.embedded;

import dev.trireme.allreduce.bench.AllReduceBench;
import dev.trireme.allreduce.bench.BenchException;
import dev.trireme.allreduce.bench.BenchPlan;
import dev.trireme.allreduce.bench.BenchRow;
import dev.trireme.allreduce.bench.BenchTask;
import dev.trireme.allreduce.bench.BenchTransport;
import dev.trireme.allreduce.bench.RankJvm;
import dev.trireme.launcher.cli.BenchRunner;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.device.DeviceSurvey;
import dev.trireme.protocol.HostDevice;
import dev.trireme.worker.agent.DeviceDeal;
import dev.trireme.worker.agent.RankCommand;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Measures between processes of this machine that run as ranks do in training. */
public final class ProcessBench implements BenchRunner {
  private static final Path MEMORY = Path.of("/dev/shm");

  /** Something that ends when the thread is interrupted, with nothing left behind. */
  @FunctionalInterface
  private interface Measurement {
    void run() throws BenchException, InterruptedException;
  }

  @Override
  public int measure(BenchPlan plan, Consumer<BenchRow> each, Console console) {
    return run(
        () -> {
          RankJvm jvm = plan.transport() == BenchTransport.NCCL ? withDevices(plan.ranks()) : jvm();
          AllReduceBench.measure(plan, jvm, MEMORY, each);
        },
        console);
  }

  @Override
  public int tryOut(
      BenchPlan plan,
      BenchTask task,
      Duration length,
      Consumer<BenchTask.Report> reports,
      Console console) {
    return run(() -> AllReduceBench.tryOut(plan, task, length, jvm(), MEMORY, reports), console);
  }

  @SuppressWarnings("try") // it is there only to be closed
  private static int run(Measurement measurement, Console console) {
    Thread measuring = Thread.currentThread();
    try (CancelOnInterrupt cancel = CancelOnInterrupt.install(measuring::interrupt)) {
      measurement.run();
      return ExitCode.DONE;
    } catch (BenchException e) {
      console.err().println("trireme: " + e.getMessage());
      return ExitCode.FAILED;
    } catch (InterruptedException e) {
      return ExitCode.CANCELLED;
    }
  }

  /** A device for each rank, those that are joined best first. */
  private static RankJvm withDevices(int ranks) throws BenchException {
    DeviceSurvey survey = DeviceSurvey.ofProcess();
    List<HostDevice> devices = survey.devices();
    if (devices.size() < ranks) {
      throw new BenchException(
          "--backend nccl: expected a CUDA device for each of "
              + ranks
              + (ranks == 1 ? " rank" : " ranks")
              + ", found "
              + devices.size()
              + (survey.none().isEmpty() ? "" : ": " + survey.none())
              + "; trireme doctor shows what there is");
    }
    return jvm().with(devices.stream().limit(ranks).map(DeviceDeal::visible).toList());
  }

  /** The Java, the flags, the libraries and the environment of a rank that trains. */
  private static RankJvm jvm() {
    RankCommand rank =
        RankProcesses.command(
            System.getProperty("java.class.path"),
            ManagementFactory.getRuntimeMXBean().getInputArguments());
    List<String> command = new ArrayList<>();
    command.add(rank.java().toString());
    command.add("-XX:+ExitOnOutOfMemoryError");
    command.add("-XX:+ErrorFileToStderr");
    command.addAll(rank.jvmFlags());
    command.addAll(List.of("-cp", rank.classPath()));
    return new RankJvm(command, rank.environment());
  }
}
