package dev.trireme.ps;

import static dev.trireme.ps.TestFormation.checkSums;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StateLostException;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Workers and servers that die, over real process groups, in threads. */
class ServedFailureTest {
  private static final OptimizerSpec WHOLE_STEPS = new OptimizerSpec.Sgd(1, 0, false, 0);

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void shouldLoseNothingWhenWorkersDieInWholeSteps(long seed) throws Exception {
    int steps = 40;
    int workers = 3;
    Random random = new Random(seed);
    try (TestFormation formation =
        new TestFormation(
                TestJobs.job(WHOLE_STEPS, new ConsistencySpec.Bsp(0), workers, 1, 0, false), steps)
            .withIntegers()) {
      for (int round = 1; round <= 3; round++) {
        int worker = random.nextInt(workers);
        AtomicInteger left = new AtomicInteger(1 + random.nextInt(8));
        formation.afterEachStep(
            (w, step, totals) -> {
              if (w == worker && left.decrementAndGet() == 0) {
                throw new CollectiveException(
                    CollectiveException.Cause.ABORTED, worker, "this worker dies here");
              }
            });
        assertThat(formation.run(groups -> {})).as("round %d ends well", round).isFalse();
        formation.replaceWorker(worker);
      }
      formation.afterEachStep((w, step, totals) -> {});
      assertThat(formation.run(groups -> {})).isTrue();
      checkSums(formation, workers, steps);
    }
  }

  @ParameterizedTest
  @CsvSource({"b, 1", "b, 2", "b, 3", "a, 4", "a, 5", "s, 6"})
  void shouldLoseNothingWhenServersAndWorkersDie(String which, long seed) throws Exception {
    ConsistencySpec consistency =
        switch (which) {
          case "b" -> new ConsistencySpec.Bsp(0);
          case "s" -> new ConsistencySpec.Ssp(2);
          default -> new ConsistencySpec.Asp();
        };
    // Enough that a death is noticed before all of them are done.
    int steps = 600;
    int workers = 2;
    Random random = new Random(seed);
    try (TestFormation formation =
        new TestFormation(TestJobs.job(WHOLE_STEPS, consistency, workers, 3, 1), steps)
            .withIntegers()) {
      int broken = 0;
      boolean ended = false;
      for (int round = 1; round <= 3; round++) {
        int server = random.nextInt(3);
        int worker = random.nextInt(2);
        boolean both = random.nextBoolean();
        // Each worker's second step in a formation: by then it has its backups again.
        int at = workers + 1 + random.nextInt(6);
        AtomicInteger done = new AtomicInteger();
        CompletableFuture<TestFormation.Groups> running = new CompletableFuture<>();
        formation.afterEachStep(
            (w, step, totals) -> {
              if (done.incrementAndGet() == at) {
                running.join().lose(workers + server, workers);
                if (both) {
                  running.join().lose(worker, workers);
                }
              }
            });
        ended = formation.run(running::complete);
        if (ended) {
          // Workers that do not wait may be through before the death is due, or before they meet
          // it.
          break;
        }
        broken++;
        formation.replaceServer(server);
        if (both) {
          formation.replaceWorker(worker);
        }
      }
      assertThat(broken).as("formations that broke").isPositive();
      formation.afterEachStep((w, step, totals) -> {});
      assertThat(ended || formation.run(groups -> {})).isTrue();
      checkSums(formation, workers, steps);
    }
  }

  /** A run that was resumed with another size of batch has come to a step in its own way. */
  @ParameterizedTest
  @CsvSource({"b, 1", "b, 2", "b, 3", "a, 4", "a, 5", "s, 6", "s, 7"})
  void shouldTrainEachStepOnItsBatchInARunWithAnotherSizeOfBatch(String which, long seed)
      throws Exception {
    ConsistencySpec consistency =
        switch (which) {
          case "b" -> new ConsistencySpec.Bsp(0);
          case "s" -> new ConsistencySpec.Ssp(2);
          default -> new ConsistencySpec.Asp();
        };
    int workers = 2;
    Random random = new Random(seed);
    try (TestFormation formation =
        new TestFormation(TestJobs.job(WHOLE_STEPS, consistency, workers, 3, 1), 600)
            .beginningAt(new Progress(13, new Cursor(0, 650)))) {
      boolean ended = false;
      for (int round = 1; round <= 3 && !ended; round++) {
        int server = random.nextInt(3);
        int at = workers + 1 + random.nextInt(40);
        AtomicInteger done = new AtomicInteger();
        CompletableFuture<TestFormation.Groups> running = new CompletableFuture<>();
        formation.afterEachStep(
            (w, step, totals) -> {
              if (done.incrementAndGet() == at) {
                running.join().lose(workers + server, workers);
              }
            });
        ended = formation.run(running::complete);
        formation.replaceServer(server);
        formation.replaceWorker(random.nextInt(workers));
      }
      formation.afterEachStep((w, step, totals) -> {});
      assertThat(ended || formation.run(groups -> {})).isTrue();
    }
  }

  /** As when a server dies after the last step: what is left to do takes less time than a copy. */
  @Test
  void shouldEndThoughCopiesAreStillUnderWay() throws Exception {
    int steps = 3;
    try (TestFormation formation =
        new TestFormation(TestJobs.job(WHOLE_STEPS, new ConsistencySpec.Asp(), 2, 3, 1), steps)
            .withIntegers()) {
      assertThat(formation.run(groups -> {})).isTrue();
      for (int round = 0; round < 12; round++) {
        formation.replaceServer(round % 3);
        assertThat(formation.run(groups -> {})).as("round %d ends", round).isTrue();
      }
      checkSums(formation, 2, steps);
    }
  }

  @Test
  void shouldNotGoOnWithRowsThatNoWorkerHolds() throws Exception {
    CompletableFuture<TestFormation.Groups> running = new CompletableFuture<>();
    try (TestFormation formation =
        new TestFormation(TestJobs.job(WHOLE_STEPS, new ConsistencySpec.Bsp(0), 2, 1, 0), 1_000_000)
            .afterEachStep(
                (worker, step, totals) -> {
                  if (step == 3) {
                    running.join().lose(2, 2);
                  }
                })) {
      assertThat(formation.run(running::complete)).isFalse();
      formation.replaceServer(0);
      assertThatThrownBy(() -> formation.run(groups -> {}))
          .hasRootCauseInstanceOf(StateLostException.class);
    }
  }

  /** Of these, what a worker has is not the state of a step, or not all of it. */
  @ParameterizedTest
  @CsvSource({"asp, 0", "ssp, 0", "drop, 0", "bsp, 0.5"})
  void shouldNotGoOnFromAPartOfAState(String which, double momentum) throws Exception {
    ConsistencySpec consistency =
        switch (which) {
          case "asp" -> new ConsistencySpec.Asp();
          case "ssp" -> new ConsistencySpec.Ssp(2);
          default -> new ConsistencySpec.Bsp(which.equals("drop") ? 1 : 0);
        };
    OptimizerSpec optimizer = new OptimizerSpec.Sgd(1, momentum, false, 0);
    try (TestFormation formation =
        new TestFormation(TestJobs.job(optimizer, consistency, 3, 1, 0, false), 2_000)
            .withIntegers()) {
      loseTheServerAfter(formation, 4);
      assertThatThrownBy(() -> formation.run(groups -> {}))
          .hasRootCauseInstanceOf(StateLostException.class)
          .hasStackTraceContaining("the servers do not hold all shards");
    }
  }

  @Test
  void shouldGoOnFromTheStateOfAStepThoughNoServerHasIt() throws Exception {
    int steps = 12;
    try (TestFormation formation =
        new TestFormation(
                TestJobs.job(WHOLE_STEPS, new ConsistencySpec.Bsp(0), 3, 1, 0, false), steps)
            .withIntegers()) {
      loseTheServerAfter(formation, 4);
      assertThat(formation.run(groups -> {})).isTrue();
      checkSums(formation, 3, steps);
    }
  }

  /** All have saved; then the servers leave, and one of the workers that knew that they have. */
  @ParameterizedTest
  @CsvSource({"-1", "2"})
  void shouldGoOnFromWhatWasSavedThoughAWorkerIsNew(int bound) throws Exception {
    ConsistencySpec consistency =
        bound < 0 ? new ConsistencySpec.Asp() : new ConsistencySpec.Ssp(bound);
    int steps = 60;
    AtomicInteger until = new AtomicInteger(5);
    try (TestFormation formation =
        new TestFormation(TestJobs.job(WHOLE_STEPS, consistency, 3, 2, 0), steps)
            .withIntegers()
            .stopping((worker, step) -> step >= until.get())) {
      assertThat(formation.run(groups -> {})).isTrue();
      assertThat(formation.applied(0)).isLessThan(steps);
      checkSums(formation, 3, (int) formation.applied(0));
      formation.replaceServer(0);
      formation.replaceServer(1);
      formation.replaceWorker(1);
      until.set(steps);
      assertThat(formation.run(groups -> {})).isTrue();
      checkSums(formation, 3, steps);
    }
  }

  /** The only server, of three workers. */
  /**
   * Whoever it is that dies, and wherever the others are then: in the midst of entering a
   * formation, of a step, or of saving; with and without backups, so that servers lose shards.
   */
  @ParameterizedTest
  @MethodSource("histories")
  void shouldTrainOnEveryBatchOnce(
      ConsistencySpec consistency, int servers, int backups, boolean sparse, long seed)
      throws Exception {
    int workers = 2;
    int steps = 24;
    Random random = new Random(seed);
    try (TestFormation formation =
        new TestFormation(
                TestJobs.job(WHOLE_STEPS, consistency, workers, servers, backups, sparse), steps)
            .withIntegers()
            .savingEvery(5)) {
      for (int round = 0; round < 12 && !dies(formation, workers, servers, random); round++) {}
      formation.afterEachStep((w, step, totals) -> {});
      formation.afterForming(w -> {});
      formation.replicas().forEach(replica -> replica.afterGradient = parameter -> {});
      // A death that was due in the last formation may still be met in the next.
      boolean ended = false;
      for (int round = 0; round < 3 && !ended; round++) {
        ended = formation.run(groups -> {});
      }
      assertThat(ended).as("ends once nobody dies any more").isTrue();
      checkSums(formation, workers, steps);
    }
  }

  static Stream<Arguments> histories() {
    List<ConsistencySpec> kinds =
        List.of(new ConsistencySpec.Bsp(0), new ConsistencySpec.Ssp(2), new ConsistencySpec.Asp());
    return LongStream.range(0, Long.getLong("trireme.ps.deaths", 24))
        .boxed()
        .flatMap(
            seed ->
                kinds.stream()
                    .map(
                        kind ->
                            Arguments.of(
                                kind,
                                seed % 3 == 2 ? 2 : 1,
                                seed % 6 == 5 ? 1 : 0,
                                seed % 2 == 1,
                                seed)));
  }

  /** Runs a formation until somebody has died at a random moment; says whether it ended before. */
  private static boolean dies(TestFormation formation, int workers, int servers, Random random)
      throws Exception {
    AtomicInteger left = new AtomicInteger(random.nextInt(60));
    int server = random.nextInt(servers);
    int worker = random.nextInt(workers);
    int who = random.nextInt(3);
    CompletableFuture<TestFormation.Groups> running = new CompletableFuture<>();
    IntConsumer moment =
        at -> {
          if (left.getAndDecrement() == 0) {
            if (who != 0) {
              running.join().lose(workers + server, workers);
            }
            if (who != 1) {
              running.join().lose(worker, workers);
            }
          }
        };
    formation.afterForming(moment);
    formation.afterEachStep((w, step, totals) -> moment.accept(w));
    formation.replicas().forEach(replica -> replica.afterGradient = moment);
    boolean ended = formation.run(running::complete);
    if (!ended && left.get() < 0) {
      if (who != 0) {
        formation.replaceServer(server);
      }
      if (who != 1) {
        formation.replaceWorker(worker);
      }
    }
    return ended;
  }

  private static void loseTheServerAfter(TestFormation formation, long last) throws Exception {
    CompletableFuture<TestFormation.Groups> running = new CompletableFuture<>();
    formation.afterEachStep(
        (worker, step, totals) -> {
          // Its state is what the next formation begins with, and nobody has a later one.
          if (worker == 0 && step == last) {
            running.join().lose(3, 3);
            throw new CollectiveException(
                CollectiveException.Cause.PEER_LOST, 3, "the server is gone");
          }
        });
    assertThat(formation.run(running::complete)).isFalse();
    formation.replaceServer(0);
    formation.afterEachStep((worker, step, totals) -> {});
  }
}
