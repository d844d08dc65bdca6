package dev.trireme.ps;

import static dev.trireme.ps.TestFormation.checkSums;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.ps.shard.Updater;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Workers and servers over real process groups, in threads. */
class ServedTrainingTest {
  private static final OptimizerSpec WHOLE_STEPS = new OptimizerSpec.Sgd(1, 0, false, 0);

  static Stream<OptimizerSpec> optimizers() {
    return Stream.of(
        new OptimizerSpec.Sgd(0.1, 0, false, 0),
        new OptimizerSpec.Sgd(0.1, 0.9, true, 0.05),
        new OptimizerSpec.Adam(0.01, 0.9, 0.999, 1e-8, 0),
        new OptimizerSpec.AdamW(0.01, 0.9, 0.999, 1e-8, 0.01),
        new OptimizerSpec.Adagrad(0.01, 1e-10, 0));
  }

  @ParameterizedTest
  @MethodSource("optimizers")
  void shouldGiveWhatASumOfAllGradientsGives(OptimizerSpec optimizer) throws Exception {
    int steps = 8;
    try (TestFormation formation =
            new TestFormation(TestJobs.job(optimizer, new ConsistencySpec.Bsp(0), 2, 2, 1), steps);
        ToyReplica reference = new ToyReplica(0, optimizer)) {
      assertThat(formation.run(groups -> {})).isTrue();
      for (int step = 1; step <= steps; step++) {
        train(reference, optimizer, 2, step);
      }
      for (ToyReplica replica : formation.replicas()) {
        for (int i = 0; i < replica.parameters().size(); i++) {
          same(replica.parameters().get(i).tensor(), reference.parameters().get(i).tensor());
        }
        for (int i = 0; i < replica.optimizerState().size() - 1; i++) {
          same(replica.optimizerState().get(i), reference.optimizerState().get(i));
        }
        assertThat(replica.counted()).as("updates by the model's own count").isEqualTo(steps);
        NamedTensor count = replica.optimizerState().get(replica.optimizerState().size() - 1);
        assertThat(NativeMemory.view(count.data().address(), 8).getLong(0)).isEqualTo(steps);
      }
    }
  }

  /** One server that leads all shards has a way of its own: see {@link WholeSteps}. */
  @ParameterizedTest
  @MethodSource("optimizers")
  void shouldGiveTheSameBitsInWholeStepsAsShardByShard(OptimizerSpec optimizer) throws Exception {
    ConsistencySpec bsp = new ConsistencySpec.Bsp(0);
    try (TestFormation whole = new TestFormation(TestJobs.job(optimizer, bsp, 3, 1, 0, false), 8);
        TestFormation byShards =
            new TestFormation(TestJobs.job(optimizer, bsp, 3, 2, 1, false), 8)) {
      assertThat(whole.run(groups -> {})).isTrue();
      assertThat(byShards.run(groups -> {})).isTrue();
      for (int i = 0; i < 4; i++) {
        FloatBuffer a = floats(whole, i);
        assertThat(a.mismatch(floats(byShards, i))).as("parameter %d", i).isEqualTo(-1);
      }
      assertThat(whole.figures(0).get("servedBytes"))
          .isLessThan(byShards.figures(0).get("servedBytes"));
    }
  }

  /** A worker of the server's host must not go a way that one of another host cannot. */
  @Test
  void shouldGoShardByShardWhereAWorkerIsOnAnotherHost() throws Exception {
    int steps = 6;
    try (TestFormation formation =
        new TestFormation(
                TestJobs.job(WHOLE_STEPS, new ConsistencySpec.Bsp(0), 2, 1, 0, false), steps)
            .withIntegers()
            .on(new Hosts(List.of(0, 1, 0)))) {
      assertThat(formation.run(groups -> {})).isTrue();
      checkSums(formation, 2, steps);
    }
  }

  private static FloatBuffer floats(TestFormation formation, int parameter) {
    return ToyReplica.floats(
        formation.replicas().get(1).parameters().get(parameter).tensor().data());
  }

  private static void same(NamedTensor found, NamedTensor expected) {
    FloatBuffer a = ToyReplica.floats(found.data());
    FloatBuffer b = ToyReplica.floats(expected.data());
    for (int at = 0; at < a.capacity(); at++) {
      assertThat(a.get(at)).as(found.name()).isCloseTo(b.get(at), within(1e-6f));
    }
  }

  private static void train(ToyReplica replica, OptimizerSpec optimizer, int workers, long step) {
    Updater updater = Updater.of(optimizer);
    int slots = updater.slotNames().size();
    for (int i = 0; i < replica.parameters().size(); i++) {
      NamedTensor parameter = replica.parameters().get(i).tensor();
      int count = (int) parameter.data().count();
      FloatBuffer values = ToyReplica.floats(parameter.data());
      try (NativeMemory.Block block = NativeMemory.allocate(4L * count, 64)) {
        FloatBuffer gradient = NativeMemory.view(block.address(), 4 * count).asFloatBuffer();
        for (int at = 0; at < count; at++) {
          float sum = 0;
          for (int worker = 0; worker < workers; worker++) {
            sum += ToyReplica.gradient(worker, step, i, at, values.get(at));
          }
          gradient.put(at, sum);
        }
        if (i == ToyReplica.TABLE) {
          for (int row = 0; row < ToyReplica.ROWS; row++) {
            int first = row * ToyReplica.WIDTH;
            boolean touched = false;
            for (int worker = 0; worker < workers; worker++) {
              touched |= ToyReplica.isNamed(worker, step, i, first);
            }
            if (touched) {
              updateRow(replica, updater, optimizer, block.address(), first, step);
            }
          }
          continue;
        }
        long[] addresses = new long[slots];
        for (int slot = 0; slot < slots; slot++) {
          addresses[slot] = replica.optimizerState().get(i * slots + slot).data().address();
        }
        updater.update(
            parameter.data().address(), addresses, block.address(), count, optimizer.lr(), step);
      }
    }
  }

  private static void updateRow(
      ToyReplica replica,
      Updater updater,
      OptimizerSpec optimizer,
      long gradients,
      int first,
      long step) {
    int slots = updater.slotNames().size();
    long[] addresses = new long[slots];
    for (int slot = 0; slot < slots; slot++) {
      NamedTensor state = replica.optimizerState().get(ToyReplica.TABLE * slots + slot);
      addresses[slot] = state.data().address() + 4L * first;
    }
    long values = replica.parameters().get(ToyReplica.TABLE).tensor().data().address();
    updater.update(
        values + 4L * first,
        addresses,
        gradients + 4L * first,
        ToyReplica.WIDTH,
        optimizer.lr(),
        step);
  }

  @Test
  void shouldSendTheRowsOfABatchAlone() throws Exception {
    double sparse = bytesOf(true);
    double dense = bytesOf(false);
    assertThat(sparse).isLessThan(0.75 * dense);
  }

  static Stream<CompressionSpec> halves() {
    return Stream.of(new CompressionSpec.Float16(), new CompressionSpec.Bfloat16());
  }

  /** The gradients are small integers, which have all their bits in either. */
  @ParameterizedTest
  @MethodSource("halves")
  void shouldPushInSixteenBits(CompressionSpec compression) throws Exception {
    ConsistencySpec bsp = new ConsistencySpec.Bsp(0);
    try (TestFormation formation =
        new TestFormation(TestJobs.job(WHOLE_STEPS, bsp, 2, 2, 1, true, compression), 10)
            .withIntegers()
            .withoutSaving()) {
      assertThat(formation.run(groups -> {})).isTrue();
      checkSums(formation, 2, 10);
      assertThat(formation.figures(0).get("servedBytes")).isLessThan(0.85 * bytesOf(true));
    }
  }

  @Test
  void shouldRefuseRanksWithOtherSettings() throws Exception {
    try (TestFormation formation =
        new TestFormation(TestJobs.job(WHOLE_STEPS, new ConsistencySpec.Bsp(0), 2, 1, 0), 3)) {
      formation.servers().get(0).close();
      formation
          .servers()
          .set(
              0,
              new ParameterServer(
                  TestJobs.job(WHOLE_STEPS, new ConsistencySpec.Asp(), 2, 1, 0)
                      .on(ParallelSpec.DeviceKind.CPU)));
      assertThatThrownBy(() -> formation.run(groups -> {}))
          .rootCause()
          .hasMessageContaining("other settings of the parameter server");
    }
  }

  /** The table is a third of the model. */
  private static double bytesOf(boolean sparse) throws Exception {
    try (TestFormation formation =
        new TestFormation(
                TestJobs.job(WHOLE_STEPS, new ConsistencySpec.Bsp(0), 2, 2, 1, sparse), 10)
            .withIntegers()
            .withoutSaving()) {
      assertThat(formation.run(groups -> {})).isTrue();
      checkSums(formation, 2, 10);
      return formation.figures(0).get("servedBytes");
    }
  }

  @Test
  void shouldSumSignalsAndAverageStatistics() throws Exception {
    List<String> totals = Collections.synchronizedList(new ArrayList<>());
    try (TestFormation formation =
        new TestFormation(TestJobs.job(WHOLE_STEPS, new ConsistencySpec.Bsp(0), 3, 1, 0), 2)
            .afterEachStep((worker, step, t) -> totals.add(t.toString()))) {
      assertThat(formation.run(groups -> {})).isTrue();
      assertThat(totals).hasSize(6);
      assertThat(totals).allMatch(t -> t.contains("lossSum=6.0, correct=3, items=12"));
      FloatBuffer statistic =
          ToyReplica.floats(formation.replicas().get(2).statistics().get(0).data());
      assertThat(statistic.get(0)).isEqualTo(1);
      assertThat(statistic.get(1)).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @CsvSource({"-1, 1, 0", "-1, 2, 1", "0, 2, 1", "3, 2, 1", "3, 3, 0"})
  void shouldAddUpExactlyWithoutWaiting(int bound, int servers, int backups) throws Exception {
    ConsistencySpec consistency =
        bound < 0 ? new ConsistencySpec.Asp() : new ConsistencySpec.Ssp(bound);
    try (TestFormation formation =
        new TestFormation(TestJobs.job(WHOLE_STEPS, consistency, 3, servers, backups), 20)
            .withIntegers()) {
      assertThat(formation.run(groups -> {})).isTrue();
      checkSums(formation, 3, 20);
      if (bound >= 0) {
        formation
            .servers()
            .forEach(s -> assertThat(s.staleness().largest()).isLessThanOrEqualTo(bound));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"-1, 1, 0", "-1, 2, 1", "20, 2, 1"})
  void shouldEndWithTheSameThoughOneWorkerIsFarBehind(int bound, int servers, int backups)
      throws Exception {
    ConsistencySpec consistency =
        bound < 0 ? new ConsistencySpec.Asp() : new ConsistencySpec.Ssp(bound);
    int steps = 20;
    CountDownLatch ahead = new CountDownLatch(2);
    try (TestFormation formation =
        new TestFormation(TestJobs.job(WHOLE_STEPS, consistency, 3, servers, backups), steps)
            .withIntegers()
            .withoutSaving()
            .afterEachStep(
                (worker, step, totals) -> {
                  if (worker == 1) {
                    await(ahead);
                  } else if (step == steps) {
                    ahead.countDown();
                  }
                })) {
      assertThat(formation.run(groups -> {})).isTrue();
      checkSums(formation, 3, steps);
    }
  }

  /** A worker's backward goes on only when another has read what it has pushed so far. */
  @Test
  void shouldPushWhileBackwardGoesOn() throws Exception {
    int steps = 1000;
    int parameter = 1;
    // Of a shard that holds nothing of the parameters before it.
    int element = 10_000;
    CountDownLatch handedOver = new CountDownLatch(1);
    CountDownLatch read = new CountDownLatch(1);
    try (TestFormation formation =
        new TestFormation(TestJobs.job(WHOLE_STEPS, new ConsistencySpec.Asp(), 2, 1, 0), steps)
            .withIntegers()
            .withoutSaving()) {
      formation.replicas().get(1).afterGradient =
          handed -> {
            if (handed == parameter) {
              handedOver.countDown();
              await(read);
            }
          };
      FloatBuffer values =
          ToyReplica.floats(
              formation.replicas().get(0).parameters().get(parameter).tensor().data());
      float[] alone = {ToyReplica.initial(parameter, element)};
      formation.afterEachStep(
          (worker, step, totals) -> {
            if (worker == 0) {
              await(handedOver);
              alone[0] -= ToyReplica.integer(0, step, parameter, element);
              if (values.get(element) != alone[0]) {
                read.countDown();
              }
              assertThat(step < steps || read.getCount() == 0).as("has read it").isTrue();
            }
          });
      assertThat(formation.run(groups -> {})).isTrue();
      checkSums(formation, 2, steps);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      if (!latch.await(10, TimeUnit.SECONDS)) {
        throw new AssertionError("the other workers wait for this one");
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest
  @CsvSource({"-1, 1", "-1, 9", "3, 5", "20, 17"})
  void shouldStopAfterTheSameStepThoughWorkersDoNotWait(int bound, long wish) throws Exception {
    ConsistencySpec consistency =
        bound < 0 ? new ConsistencySpec.Asp() : new ConsistencySpec.Ssp(bound);
    try (TestFormation formation =
        new TestFormation(TestJobs.job(WHOLE_STEPS, consistency, 3, 2, 1), 100_000)
            .withIntegers()
            .stopping((worker, step) -> worker == 2 && step >= wish)) {
      assertThat(formation.run(groups -> {})).isTrue();
      long stopped = formation.applied(0);
      assertThat(stopped).isBetween(wish, 99_999L);
      assertThat(formation.applied(1)).isEqualTo(stopped);
      assertThat(formation.applied(2)).isEqualTo(stopped);
      checkSums(formation, 3, (int) stopped);
    }
  }

  @Test
  void shouldEndWithTheSlowestLeftOut() throws Exception {
    try (TestFormation formation =
        new TestFormation(TestJobs.job(WHOLE_STEPS, new ConsistencySpec.Bsp(1), 3, 2, 1), 15)
            .withIntegers()) {
      assertThat(formation.run(groups -> {})).isTrue();
      same(
          formation.replicas().get(0).parameters().get(1).tensor(),
          formation.replicas().get(2).parameters().get(1).tensor());
    }
  }
}
