package dev.trireme.allreduce.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.LocalProcessGroup;
import dev.trireme.allreduce.TestBuffers;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.StepSignals;
import dev.trireme.api.train.StepTotals;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
class BucketedExchangeTest {
  private static final StepSignals QUIET = new StepSignals(new Loss(1, 1, 1), false, false);
  private final List<NativeMemory.Block> blocks = Collections.synchronizedList(new ArrayList<>());

  @AfterEach
  void free() {
    blocks.forEach(NativeMemory.Block::close);
  }

  private NamedTensor tensor(String name, DType dtype, long count) {
    NativeMemory.Block block = NativeMemory.allocate(count * dtype.bytes(), 64);
    blocks.add(block);
    return new NamedTensor(name, Shape.of(count), block.buffer(dtype, count));
  }

  private List<Parameter> parameters(DType dtype, long... counts) {
    List<Parameter> parameters = new ArrayList<>();
    for (int i = 0; i < counts.length; i++) {
      parameters.add(new Parameter(i, tensor(i + ".weight", dtype, counts[i])));
    }
    return parameters;
  }

  /** Hands over gradients, value(rank, i) plus the parameter's index, in an order by chance. */
  private static void backward(
      BucketedExchange exchange, List<Parameter> parameters, int rank, long seed) {
    List<Parameter> order = new ArrayList<>(parameters);
    Collections.shuffle(order, new Random(seed));
    for (Parameter parameter : order) {
      TensorBuffer data = parameter.tensor().data();
      TestBuffers.fill(data, rank + 10 * parameter.index());
      exchange.ready(parameter.index(), data);
    }
  }

  @ParameterizedTest(name = "{0} ranks, buckets of {1} and {2} bytes")
  @CsvSource({"1,1,1", "2,1,1", "2,1000,5000", "3,100000000,100000000", "4,64,70000"})
  void shouldSumGradientsWhateverTheOrderInWhichTheyArrive(int worldSize, long first, long other) {
    try (InProcessGroups ranks = InProcessGroups.create(worldSize)) {
      ranks.onEveryRank(
          group -> {
            List<Parameter> parameters = parameters(DType.FLOAT32, 7, 4_000, 1, 0, 20_011, 64);
            try (BucketedExchange exchange =
                new BucketedExchange(group, parameters, List.of(), first, other)) {
              List<TensorBuffer> reduced = exchange.reduced();
              for (long step = 1; step <= 3; step++) {
                exchange.begin(step, QUIET);
                backward(exchange, parameters, group.rank(), step * 10 + group.rank());
                StepTotals totals = exchange.await();
                assertThat(totals.loss()).isEqualTo(new Loss(worldSize, worldSize, worldSize));
                assertThat(exchange.reduced()).isEqualTo(reduced);
                assertSums(parameters, reduced, worldSize);
              }
            }
            return null;
          });
    }
  }

  private static void assertSums(
      List<Parameter> parameters, List<TensorBuffer> reduced, int worldSize) {
    for (Parameter parameter : parameters) {
      double[] expected = new double[(int) parameter.tensor().data().count()];
      for (int rank = 0; rank < worldSize; rank++) {
        TestBuffers.fill(parameter.tensor().data(), rank + 10 * parameter.index());
        double[] part = TestBuffers.read(parameter.tensor().data());
        for (int i = 0; i < expected.length; i++) {
          expected[i] += part[i];
        }
      }
      assertThat(TestBuffers.read(reduced.get(parameter.index()))).isEqualTo(expected);
    }
  }

  @Test
  void shouldSumSignalsAndStopEveryRankAtTheSameStep() {
    try (InProcessGroups ranks = InProcessGroups.create(3)) {
      List<StepTotals> totals =
          ranks.onEveryRank(
              group -> {
                BucketedExchange exchange = new BucketedExchange(group, List.of(), List.of(), 1, 1);
                Loss loss = new Loss(0.1 + group.rank(), group.rank(), (1L << 30) + group.rank());
                exchange.begin(1, new StepSignals(loss, group.rank() == 2, false));
                return exchange.await();
              });
      // Exact in float64; the items would not be in float32.
      Loss sum = new Loss(0.1 + 1.1 + 2.1, 3, (3L << 30) + 3);
      assertThat(totals).containsOnly(new StepTotals(sum, true, false));
    }
  }

  @ParameterizedTest
  @CsvSource({"FLOAT32", "FLOAT64"})
  void shouldWeighStatisticsByTheSizeOfThePart(DType dtype) {
    try (InProcessGroups ranks = InProcessGroups.create(3)) {
      List<double[]> means =
          ranks.onEveryRank(
              group -> {
                NamedTensor mean = tensor("bn.running_mean", dtype, 2);
                // Rank 2 had no items: what it holds must not count.
                double mine = group.rank() == 2 ? Double.NaN : 1 + group.rank();
                put(mean.data(), 0, mine);
                put(mean.data(), 1, -8 * mine);
                BucketedExchange exchange =
                    new BucketedExchange(group, List.of(), List.of(mean), 1, 1);
                Loss loss = new Loss(0, 0, new long[] {3, 1, 0}[group.rank()]);
                exchange.begin(1, new StepSignals(loss, false, false));
                exchange.await();
                return TestBuffers.read(mean.data());
              });
      assertThat(means).allSatisfy(each -> assertThat(each).containsExactly(1.25, -10));
    }
  }

  @Test
  void shouldLeaveStatisticsAloneWhenNobodyHasItems() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      ranks.onEveryRank(
          group -> {
            NamedTensor mean = tensor("bn.running_mean", DType.FLOAT32, 1);
            put(mean.data(), 0, 5);
            BucketedExchange exchange = new BucketedExchange(group, List.of(), List.of(mean), 1, 1);
            exchange.begin(1, new StepSignals(Loss.NONE, false, true));
            assertThat(exchange.await()).isEqualTo(new StepTotals(Loss.NONE, false, true));
            assertThat(TestBuffers.read(mean.data())).containsExactly(5);
            return null;
          });
    }
  }

  private static void put(TensorBuffer buffer, int index, double value) {
    ByteBuffer view = NativeMemory.view(buffer.address(), (int) buffer.byteCount());
    if (buffer.dtype() == DType.FLOAT32) {
      view.putFloat(4 * index, (float) value);
    } else {
      view.putDouble(8 * index, value);
    }
  }

  @Test
  void shouldNameStepAndBucketWhenAPeerDoesNotFollow() {
    Duration deadline = Duration.ofMillis(500);
    try (InProcessGroups ranks = InProcessGroups.create(2, deadline, Optional.empty())) {
      List<Parameter> parameters = parameters(DType.FLOAT32, 5_000, 5_000);
      List<BucketedExchange> exchanges =
          ranks.onEveryRank(group -> new BucketedExchange(group, parameters, List.of(), 1, 1));
      exchanges.forEach(exchange -> exchange.begin(17, QUIET));
      backward(exchanges.get(0), parameters, 0, 1);
      CollectiveException e =
          catchThrowableOfType(CollectiveException.class, exchanges.get(0)::await);
      assertThat(e.reason()).isEqualTo(Cause.DEADLINE);
      assertThat(e.suspectRank()).isEqualTo(1);
      assertThat(e).hasMessageContaining("step 17, bucket 1 of 2: ");
    }
  }

  @Test
  void shouldRefuseWhatBreaksTheOrderOfAStep() {
    try (ProcessGroup group = new LocalProcessGroup(1)) {
      List<Parameter> parameters = parameters(DType.FLOAT32, 3, 4);
      TensorBuffer three = parameters.get(0).tensor().data();
      BucketedExchange exchange = new BucketedExchange(group, parameters, List.of(), 1, 1);
      assertThatThrownBy(() -> exchange.ready(0, three)).hasMessageContaining("before the step");
      assertThatThrownBy(exchange::await).hasMessageContaining("no step has begun");
      exchange.begin(1, QUIET);
      assertThatThrownBy(() -> exchange.begin(2, QUIET))
          .hasMessageContaining("step 1 has not been awaited");
      assertThatThrownBy(() -> exchange.ready(1, three))
          .hasMessageContaining("gradient of 1.weight: expected 4 FLOAT32 once, found 3 FLOAT32");
      exchange.ready(0, three);
      assertThatThrownBy(() -> exchange.ready(0, three)).hasMessageContaining("again");
      assertThatThrownBy(exchange::await).hasMessageContaining("without a gradient of 1.weight");
    }
  }

  @Test
  void shouldRefuseParametersThatCannotBeReduced() {
    try (ProcessGroup group = new LocalProcessGroup(1)) {
      List<Parameter> parameters = parameters(DType.INT64, 3);
      assertThatThrownBy(() -> new BucketedExchange(group, parameters, List.of(), 1, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("0.weight")
          .hasMessageContaining("INT64");
    }
  }
}
