package dev.trireme.launcher.cli;

import dev.trireme.allreduce.bench.BenchPlan;
import dev.trireme.allreduce.bench.BenchRow;
import dev.trireme.allreduce.bench.BenchTask;
import java.time.Duration;
import java.util.function.Consumer;

/** Measures collectives between processes; what {@code trireme bench} does with a right plan. */
public interface BenchRunner {
  /**
   * Measures and blocks until it is done and every process that it started is gone. Why it failed
   * is written to the console's error stream.
   *
   * @param each takes a row as soon as it is measured
   * @return an exit code of {@link ExitCode}
   */
  int measure(BenchPlan plan, Consumer<BenchRow> each, Console console);

  /**
   * The same for a trial of some length.
   *
   * @param reports takes the report of each rank
   */
  int tryOut(
      BenchPlan plan,
      BenchTask task,
      Duration length,
      Consumer<BenchTask.Report> reports,
      Console console);
}
