package dev.trireme.allreduce.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.trireme.allreduce.TestBuffers;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.StepSignals;
import dev.trireme.api.train.WireBytes;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

@Timeout(60)
class CompressionTest {
  private static final StepSignals QUIET = new StepSignals(new Loss(1, 1, 1), false, false);
  private static final int ROWS = 48;
  private static final int COLUMNS = 50;

  /** One rank's exchange of a matrix and a bias, and where it writes its gradients. */
  private static final class Side implements AutoCloseable {
    private final NativeMemory.Block block = NativeMemory.allocate(4 * (ROWS * COLUMNS + ROWS), 64);
    private final List<NamedTensor> tensors = new ArrayList<>();
    private final BucketedExchange exchange;
    private final ProcessGroup group;
    private long step;

    Side(ProcessGroup group, CompressionSpec compression) {
      this.group = group;
      TensorBuffer all = block.buffer(DType.FLOAT32, ROWS * COLUMNS + ROWS);
      tensors.add(new NamedTensor("weight", Shape.of(ROWS, COLUMNS), all.slice(0, ROWS * COLUMNS)));
      tensors.add(new NamedTensor("bias", Shape.of(ROWS), all.slice(ROWS * COLUMNS, ROWS)));
      exchange =
          new BucketedExchange(
              group,
              List.of(new Parameter(0, tensors.get(0)), new Parameter(1, tensors.get(1))),
              List.of(),
              1 << 20,
              1 << 20,
              compression);
    }

    FloatBuffer gradients() {
      return NativeMemory.view(block.address(), (int) block.bytes()).asFloatBuffer();
    }

    /** Exchanges what {@link #gradients} holds; gives the reduced values and checks the bits. */
    double[] exchange() {
      exchange.begin(++step, QUIET);
      exchange.ready(1, tensors.get(1).data());
      exchange.ready(0, tensors.get(0).data());
      exchange.await();
      double[] weight = TestBuffers.read(exchange.reduced().get(0));
      double[] bias = TestBuffers.read(exchange.reduced().get(1));
      double[] all = new double[weight.length + bias.length];
      System.arraycopy(weight, 0, all, 0, weight.length);
      System.arraycopy(bias, 0, all, weight.length, bias.length);
      return all;
    }

    @Override
    public void close() {
      exchange.close();
      block.close();
    }
  }

  private static <T> List<T> onRanks(
      int worldSize, CompressionSpec compression, Function<Side, T> task) {
    try (InProcessGroups ranks = InProcessGroups.create(worldSize)) {
      return ranks.onEveryRank(
          group -> {
            try (Side side = new Side(group, compression)) {
              return task.apply(side);
            }
          });
    }
  }

  private static void random(FloatBuffer gradients, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < gradients.capacity(); i++) {
      gradients.put(i, (float) (random.nextDouble() - 0.5));
    }
  }

  static Stream<CompressionSpec> all() {
    return Stream.of(
        new CompressionSpec.None(),
        new CompressionSpec.Float16(),
        new CompressionSpec.Bfloat16(),
        new CompressionSpec.PowerSgd(4, 1),
        new CompressionSpec.PowerSgd(2, 4),
        new CompressionSpec.TopK(0.02),
        new CompressionSpec.TopK(1));
  }

  @ParameterizedTest
  @MethodSource("all")
  void shouldEndWithTheSameBitsOnAllRanks(CompressionSpec compression) {
    for (int worldSize : new int[] {1, 2, 3, 5}) {
      List<List<Double>> sums =
          onRanks(
              worldSize,
              compression,
              side -> {
                List<Double> seen = new ArrayList<>();
                for (int step = 0; step < 6; step++) {
                  random(side.gradients(), 100L * step + side.group.rank());
                  for (double value : side.exchange()) {
                    seen.add(value);
                  }
                }
                return seen;
              });
      assertThat(sums).allSatisfy(each -> assertThat(each).isEqualTo(sums.get(0)));
    }
  }

  /** A least-squares problem of which each rank holds other items; every step is one of SGD. */
  @ParameterizedTest
  @MethodSource("all")
  void shouldLearnALinearMap(CompressionSpec compression) {
    List<Double> errors = onRanks(2, compression, CompressionTest::learn);
    assertThat(errors).allSatisfy(error -> assertThat(error).isLessThan(0.05));
  }

  /** The mean square error after 400 steps, that of a map of zeros being 1. */
  private static double learn(Side side) {
    double[] wanted = new double[ROWS * COLUMNS];
    SplittableRandom truth = new SplittableRandom(7);
    for (int i = 0; i < wanted.length; i++) {
      wanted[i] = truth.nextDouble() * 2 - 1;
    }
    double[] weights = new double[ROWS * COLUMNS];
    SplittableRandom items = new SplittableRandom(1000 + side.group.rank());
    for (int step = 0; step < 400; step++) {
      float[] gradient = new float[ROWS * COLUMNS + ROWS];
      int batch = 16;
      for (int item = 0; item < batch; item++) {
        double[] x = items.doubles(COLUMNS, -1.7, 1.7).toArray();
        for (int row = 0; row < ROWS; row++) {
          double error = 0;
          for (int column = 0; column < COLUMNS; column++) {
            int at = row * COLUMNS + column;
            error += (weights[at] - wanted[at]) * x[column];
          }
          for (int column = 0; column < COLUMNS; column++) {
            gradient[row * COLUMNS + column] += (float) (error * x[column] / (2 * batch));
          }
        }
      }
      side.gradients().put(gradient);
      double[] sum = side.exchange();
      for (int i = 0; i < weights.length; i++) {
        weights[i] -= RATE * sum[i];
      }
    }
    double error = 0;
    double scale = 0;
    for (int i = 0; i < weights.length; i++) {
      error += (weights[i] - wanted[i]) * (weights[i] - wanted[i]);
      scale += wanted[i] * wanted[i];
    }
    return error / scale;
  }

  private static final double RATE = 0.03;

  @ParameterizedTest
  @CsvSource({"true,0.0005", "false,0.004"})
  void shouldRoundHalvesOnceEach(boolean float16, double relative) {
    CompressionSpec compression =
        float16 ? new CompressionSpec.Float16() : new CompressionSpec.Bfloat16();
    onRanks(
        3,
        compression,
        side -> {
          random(side.gradients(), side.group.rank());
          double[] sum = side.exchange();
          for (int rank = 0; rank < 3; rank++) {
            random(side.gradients(), rank);
            for (int i = 0; i < sum.length; i++) {
              sum[i] -= side.gradients().get(i);
            }
          }
          // Three parts below 0.5 and a sum below 1.5, each rounded by half a step at most.
          assertThat(sum).containsOnly(new double[sum.length], within(3 * relative));
          return null;
        });
  }

  @Test
  void shouldSendLaterWhatTopKHasLeftOut() {
    onRanks(
        3,
        new CompressionSpec.TopK(0.1),
        side -> {
          double[] left = new double[ROWS * COLUMNS + ROWS];
          for (int rank = 0; rank < 3; rank++) {
            random(side.gradients(), rank);
            for (int i = 0; i < left.length; i++) {
              left[i] += side.gradients().get(i);
            }
          }
          random(side.gradients(), side.group.rank());
          for (int step = 0; step < 10; step++) {
            double[] sum = side.exchange();
            for (int i = 0; i < sum.length; i++) {
              left[i] -= sum[i];
            }
            side.gradients().put(new float[left.length]);
          }
          assertThat(left).containsOnly(new double[left.length], within(1e-6));
          return null;
        });
  }

  @Test
  void shouldFollowAMatrixOfLowRankExactlyAndBiasesAlways() {
    onRanks(
        2,
        new CompressionSpec.PowerSgd(2, 2),
        side -> {
          for (int step = 1; step <= 4; step++) {
            float[] gradients = new float[ROWS * COLUMNS + ROWS];
            for (int i = 0; i < gradients.length; i++) {
              int row = i / COLUMNS;
              int column = i % COLUMNS;
              gradients[i] = (side.group.rank() + 1) * (row - 20) * (column + 1) * 1e-3f;
            }
            side.gradients().put(gradients);
            double[] sum = side.exchange();
            for (int i = 0; i < sum.length; i++) {
              double part = gradients[i] / (side.group.rank() + 1);
              assertThat(sum[i]).as("step %s, %s", step, i).isCloseTo(3 * part, within(1e-4));
            }
          }
          // Nothing at all, and then something again: the factor must come back.
          side.gradients().put(new float[ROWS * COLUMNS + ROWS]);
          for (int step = 0; step < 3; step++) {
            for (double value : side.exchange()) {
              assertThat(value).isCloseTo(0, within(1e-3));
            }
          }
          float[] ones = new float[ROWS * COLUMNS + ROWS];
          Arrays.fill(ones, 1);
          double last = 0;
          for (int step = 0; step < 3; step++) {
            side.gradients().put(ones);
            last = side.exchange()[17];
          }
          assertThat(last).isCloseTo(2, within(0.05));
          return null;
        });
  }

  @Test
  void shouldReduceFewerBytes() {
    long elements = ROWS * COLUMNS + ROWS;
    for (int worldSize : new int[] {1, 2, 4}) {
      long plain = 2 * 4 * elements * (worldSize - 1) / worldSize;
      assertThat(bytes(worldSize, new CompressionSpec.None()))
          .isEqualTo(new WireBytes(plain, plain));
      if (worldSize == 1) {
        continue;
      }
      assertThat(bytes(worldSize, new CompressionSpec.Float16()))
          .isEqualTo(bytes(worldSize, new CompressionSpec.Bfloat16()))
          .isEqualTo(new WireBytes(plain / 2, plain));
      long factors = 2 * 4 * (4 * (ROWS + COLUMNS) + ROWS) * (worldSize - 1) / worldSize;
      assertThat(bytes(worldSize, new CompressionSpec.PowerSgd(4, 1)))
          .isEqualTo(new WireBytes(factors, plain));
      assertThat(bytes(worldSize, new CompressionSpec.PowerSgd(4, 2)).ratio())
          .as("not compressed yet")
          .isEqualTo(1);
      long sent = 8 * (long) Math.ceil(0.01 * elements) * (worldSize - 1);
      assertThat(bytes(worldSize, new CompressionSpec.TopK(0.01)))
          .isEqualTo(new WireBytes(sent, plain));
    }
  }

  /** What the first step sends. */
  private static WireBytes bytes(int worldSize, CompressionSpec compression) {
    return onRanks(
            worldSize,
            compression,
            side -> {
              side.exchange();
              return side.exchange.wireBytes();
            })
        .get(0);
  }

  /** Of few and of many, with many equal ones, and with ones that change from step to step. */
  @Test
  void shouldFindTheLargestMagnitudesAndOfEqualOnesTheFirst() {
    SplittableRandom random = new SplittableRandom(3);
    for (int round = 0; round < 200; round++) {
      int count = 1 + random.nextInt(300);
      int k = 1 + random.nextInt(round % 3 == 0 ? count : 1 + count / 10);
      try (NativeMemory.Block block = NativeMemory.allocate(4L * (count + 2 * k), 64);
          LargestMagnitudes largest = new LargestMagnitudes(count, k)) {
        FloatBuffer values = NativeMemory.view(block.address(), 4 * count).asFloatBuffer();
        for (int step = 0; step < 8; step++) {
          // Steps alike, then much smaller ones, much larger ones, and zeros.
          double scale = step < 4 ? 1 : step == 5 ? 1e-9 : step == 6 ? 1e9 : step == 7 ? 0 : 1;
          for (int i = 0; i < count; i++) {
            double value =
                switch (round % 3) {
                  case 0 -> random.nextInt(5) - 2;
                  case 1 -> Float.intBitsToFloat(random.nextInt() & 0xff7fffff);
                  default -> random.nextDouble() - 0.5;
                };
            values.put(i, (float) (value * scale));
          }
          requireLargest(values, k, largest, block);
        }
      }
    }
  }

  private static void requireLargest(
      FloatBuffer values, int k, LargestMagnitudes largest, NativeMemory.Block block) {
    int count = values.capacity();
    Float[] before = new Float[count];
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      before[i] = values.get(i);
      order.add(i);
    }
    order.sort((i, j) -> Float.compare(Math.abs(before[j]), Math.abs(before[i])));
    List<Integer> expected = order.subList(0, k).stream().sorted().toList();
    long places = block.address() + 4L * count;
    largest.move(block.buffer(DType.FLOAT32, count), places, places + 4L * k);
    ByteBuffer found = NativeMemory.view(places, 8 * k);
    for (int i = 0; i < k; i++) {
      assertThat(found.getInt(4 * i)).isEqualTo(expected.get(i));
      assertThat(found.getFloat(4 * (k + i))).isEqualTo(before[expected.get(i)]);
      assertThat(values.get(expected.get(i))).isZero();
    }
  }
}
