package dev.trireme.worker.rank;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.RankReport;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A rank that trains nothing, for tests in a process of its own. It does what TEST_RANK says, and
 * in its last report repeats what it was told.
 */
public final class TestRank {
  private TestRank() {}

  public static void main(String[] args) throws Exception {
    String mode = System.getenv().getOrDefault("TEST_RANK", "work");
    if (mode.equals("silent")) {
      new CountDownLatch(1).await();
    }
    System.out.println("loading");
    try (AgentLink link = AgentLink.connect(args, System.in)) {
      Optional<AgentToRank.Join> join = link.awaitJoin(Duration.ofMinutes(1));
      if (join.isPresent() && mode.equals("survive")) {
        survive(link, join.get());
      } else if (join.isPresent()) {
        run(link, join.get(), mode);
      }
    }
  }

  private static void run(AgentLink link, AgentToRank.Join join, String mode) throws Exception {
    System.out.println("rank " + join.rank() + " of " + join.worldSize());
    CountDownLatch stop = new CountDownLatch(1);
    link.listen(
        command -> {
          if (command instanceof AgentToRank.StopAfterStep) {
            stop.countDown();
          } else if (command instanceof AgentToRank.CheckpointAfterStep) {
            link.report(new RankReport.ShardWritten(1));
          } else if (command instanceof AgentToRank.AbortGeneration) {
            Runtime.getRuntime().halt(17);
          }
        });
    link.report(new RankReport.Ready(Progress.START, "", 10, 5, 2, 100));
    switch (mode) {
      case "out-of-memory" -> exhaust();
      case "throw" -> throw new IllegalStateException("the test rank throws");
      case "flood" -> flood(link);
      default -> {
        // Works until it is told to stop.
      }
    }
    if (!stop.await(1, TimeUnit.MINUTES)) {
      throw new IllegalStateException("nobody told the test rank to stop");
    }
    link.report(
        new RankReport.Finished(
            new Progress(5, new Cursor(1, 0)),
            1,
            true,
            Map.of("threads", Double.valueOf(System.getenv().getOrDefault("OMP_NUM_THREADS", "0"))),
            join.transport().sharedDirectory(),
            Double.NaN));
  }

  /** Leaves each formation when told to, and takes part in the next, until it is released. */
  private static void survive(AgentLink link, AgentToRank.Join first) throws Exception {
    Optional<AgentToRank.Join> join = Optional.of(first);
    while (join.isPresent()) {
      System.out.println("rank " + join.get().rank() + " of " + join.get().worldSize());
      CountDownLatch aborted = new CountDownLatch(1);
      link.listen(
          command -> {
            if (command instanceof AgentToRank.AbortGeneration) {
              aborted.countDown();
            }
          });
      link.report(new RankReport.Ready(Progress.START, join.get().source() + "", 10, 5, 2, 100));
      if (!aborted.await(1, TimeUnit.MINUTES)) {
        throw new IllegalStateException("nobody told the test rank to leave");
      }
      link.report(new RankReport.Parked(7, true, "aborted", -1));
      join = link.awaitJoin(Duration.ofMinutes(1));
    }
  }

  private static void flood(AgentLink link) {
    for (int step = 1; step <= 400; step++) {
      link.report(new RankReport.Committed(step, Cursor.START, 1, 0.5, 0.1, 10, 0, 0, 0));
    }
  }

  private static void exhaust() {
    long[][] memory = new long[1 << 20][];
    for (int i = 0; i < memory.length; i++) {
      memory[i] = new long[1 << 20];
    }
  }
}
