package dev.trireme.launcher.cli;

import dev.trireme.allreduce.bench.BenchPlan;
import dev.trireme.allreduce.bench.BenchRow;
import dev.trireme.allreduce.bench.BenchTask;
import dev.trireme.allreduce.group.AllReduceAlgorithm;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Every size takes 1 ms, but for 5 ranks the tree seems to take 1 us the first time; one of 3 ranks
 * dies, and 4 ranks compute wrongly.
 */
final class FakeBench implements BenchRunner {
  private boolean climbed;

  @Override
  public int measure(BenchPlan plan, Consumer<BenchRow> each, Console console) {
    boolean tree = plan.algorithm().equals(Optional.of(AllReduceAlgorithm.TREE));
    double micros = plan.ranks() == 5 && tree && !climbed ? 1 : 1000;
    climbed |= tree;
    for (long bytes : plan.sizes()) {
      each.accept(new BenchRow(bytes, bytes / 4, micros, 1.5, 1.5, plan.ranks() == 4 ? 2 : 0));
      if (plan.ranks() == 3) {
        console.err().println("trireme: rank 2 was killed by signal 9");
        return ExitCode.FAILED;
      }
    }
    return ExitCode.DONE;
  }

  @Override
  public int tryOut(
      BenchPlan plan,
      BenchTask task,
      Duration length,
      Consumer<BenchTask.Report> reports,
      Console console) {
    for (int rank = plan.ranks() - 1; rank >= 0; rank--) {
      reports.accept(
          new BenchTask.Report(rank, length.toSeconds(), 1, 5, 60, 61, plan.ranks() == 4 ? 2 : 0));
    }
    return ExitCode.DONE;
  }
}
