package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.allreduce.LocalProcessGroup;
import dev.trireme.allreduce.TestBuffers;
import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.allreduce.exchange.BucketedExchange;
import dev.trireme.allreduce.group.RecordedOperation;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.StepSignals;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Gradients on devices of the stand-ins, summed by NCCL's stand-in or through the host. */
class DeviceExchangeTest {
  private static final long[] SIZES = {7, 4_000, 1, 20_011, 64};

  /** A replica's tensors on a device, as far as an exchange knows them. */
  private static final class Tensors implements AutoCloseable {
    private final Device device;
    private final CudaMemory memory;
    private final List<DeviceMemory.Piece> pieces = new ArrayList<>();
    private final List<Parameter> parameters = new ArrayList<>();
    private final NamedTensor statistic;

    Tensors(int rank) {
      device = new Device(Device.Kind.CUDA, rank);
      memory = new CudaMemory(device);
      for (int i = 0; i < SIZES.length; i++) {
        parameters.add(new Parameter(i, tensor("p" + i, DType.FLOAT32, SIZES[i])));
      }
      statistic = tensor("mean", DType.FLOAT64, 3);
    }

    private NamedTensor tensor(String name, DType dtype, long count) {
      DeviceMemory.Piece piece = memory.allocate(device, dtype, count);
      pieces.add(piece);
      return new NamedTensor(name, Shape.of(count), piece.buffer());
    }

    /** Puts values there as an operator would: behind all that was asked for before. */
    void fill(TensorBuffer buffer, int seed) {
      try (DeviceMemory.Piece host = memory.allocate(Device.CPU, buffer.dtype(), buffer.count())) {
        TestBuffers.fill(host.buffer(), seed);
        memory.copy(host.buffer(), buffer);
      }
    }

    double[] read(TensorBuffer buffer) {
      try (DeviceMemory.Piece host = memory.allocate(Device.CPU, buffer.dtype(), buffer.count())) {
        memory.copy(buffer, host.buffer());
        return TestBuffers.read(host.buffer());
      }
    }

    @Override
    public void close() {
      pieces.forEach(DeviceMemory.Piece::close);
    }
  }

  @ParameterizedTest(name = "{0} ranks, {1} parts, buckets of {2} bytes")
  @CsvSource({"1,1,1", "1,3,1", "2,1,5000", "3,1,100000000", "2,2,5000", "3,3,1"})
  void shouldSumGradientsOfDevicesThroughNccl(int worldSize, int parts, long bytes) {
    try (NcclGroups ranks = NcclGroups.create(worldSize)) {
      ranks.onEveryRank(group -> train(group, parts, bytes));
    }
  }

  @ParameterizedTest(name = "{0} ranks, {1} parts, buckets of {2} bytes")
  @CsvSource({"2,1,5000", "3,2,1"})
  void shouldSumGradientsOfDevicesThroughTheHost(int worldSize, int parts, long bytes) {
    Standins.load();
    try (InProcessGroups ranks = InProcessGroups.create(worldSize)) {
      ranks.onEveryRank(group -> train(group, parts, bytes));
    }
  }

  @Test
  void shouldLeaveGradientsOfASingleRankOnItsDevice() {
    Standins.load();
    try (ProcessGroup group = new LocalProcessGroup(1)) {
      train(group, 1, 5000);
    }
  }

  /** Memory that lets nothing come from the device to the host while it is told so. */
  private static final class Watched implements DeviceMemory {
    private final DeviceMemory memory;
    private final boolean adds;
    private int fetched;

    Watched(DeviceMemory memory, boolean adds) {
      this.memory = memory;
      this.adds = adds;
    }

    @Override
    public Optional<Adder> adder(Device device) {
      return adds ? memory.adder(device) : Optional.empty();
    }

    @Override
    public Piece allocate(Device device, DType dtype, long count) {
      return memory.allocate(device, dtype, count);
    }

    @Override
    public void copy(TensorBuffer from, TensorBuffer to) {
      fetched += to.device().equals(Device.CPU) ? 1 : 0;
      memory.copy(from, to);
    }

    @Override
    public void enqueueCopy(TensorBuffer from, TensorBuffer to) {
      memory.enqueueCopy(from, to);
    }

    @Override
    public void enqueueZero(TensorBuffer buffer) {
      memory.enqueueZero(buffer);
    }

    @Override
    public void synchronize(Device device) {
      memory.synchronize(device);
    }
  }

  @ParameterizedTest(name = "an adder: {0}")
  @ValueSource(booleans = {true, false})
  void shouldAddUpPartsWhereTheyStandOrOnTheHostWithTheSameBits(boolean adds) {
    try (NcclGroups ranks = NcclGroups.create(2)) {
      ranks.onEveryRank(
          group -> {
            Watched watched = new Watched(new CudaMemory(NcclGroups.device(group)), adds);
            train(group, 5, 5000, watched);
            assertThat(watched.fetched)
                .as("gradients that came to the host")
                .isEqualTo(adds ? 0 : 3 * 5 * SIZES.length);
            return null;
          });
    }
  }

  @Test
  void shouldAddEachFloatingPointTypeOfADeviceAndRefuseOthers() {
    Standins.load();
    Device device = new Device(Device.Kind.CUDA, 0);
    CudaMemory memory = new CudaMemory(device);
    DeviceMemory.Adder adder = memory.adder(device).orElseThrow();
    assertThat(memory.adder(device)).as("made once").hasValue(adder);
    assertThat(memory.adder(Device.CPU)).isEmpty();
    for (DType dtype : List.of(DType.FLOAT32, DType.FLOAT64, DType.FLOAT16, DType.BFLOAT16)) {
      try (DeviceMemory.Piece one = memory.allocate(device, dtype, 1000);
          DeviceMemory.Piece other = memory.allocate(device, dtype, 1000)) {
        memory.synchronize(device);
        TestBuffers.fill(one.buffer(), 1);
        TestBuffers.fill(other.buffer(), 0);
        adder.enqueueAdd(one.buffer(), other.buffer());
        memory.synchronize(device);
        assertThat(TestBuffers.read(other.buffer()))
            .as("%s", dtype)
            .isEqualTo(TestBuffers.expected(2, 1000, dtype, ReduceOp.SUM));
      }
    }
    try (DeviceMemory.Piece whole = memory.allocate(device, DType.INT64, 1);
        DeviceMemory.Piece host = memory.allocate(Device.CPU, DType.FLOAT32, 1)) {
      assertThatThrownBy(() -> adder.enqueueAdd(whole.buffer(), whole.buffer()))
          .hasMessageContaining("floating-point");
      assertThatThrownBy(() -> adder.enqueueAdd(host.buffer(), host.buffer()))
          .hasMessageContaining("cuda:0");
    }
  }

  /** A bucket is summed on NCCL's stream while the gradients after it are still being computed. */
  @Test
  void shouldSumWhatIsReadyWhileBackwardGoesOn() {
    try (NcclGroups ranks = NcclGroups.create(2)) {
      ranks.onEveryRank(
          group -> {
            try (Tensors tensors = new Tensors(group.rank());
                BucketedExchange exchange = exchange(group, tensors, 1, tensors.memory)) {
              exchange.begin(1, new StepSignals(new Loss(1, 1, 1), false, false));
              for (int i = SIZES.length - 1; i >= 0; i--) {
                TensorBuffer gradient = tensors.parameters.get(i).tensor().data();
                tensors.fill(gradient, seed(group.rank(), 0, 1) + i);
                exchange.ready(i, gradient);
                awaitSums((NcclProcessGroup) group, SIZES.length - i);
              }
              exchange.await();
            }
            return null;
          });
    }
  }

  private static void awaitSums(NcclProcessGroup group, int count) {
    long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (group.recentOperations().stream()
            .filter(each -> each.what().startsWith("all-reduce"))
            .filter(each -> each.state() == RecordedOperation.State.DONE)
            .count()
        < count) {
      assertThat(System.nanoTime()).as("the time for %s sums", count).isLessThan(limit);
      Thread.onSpinWait();
    }
  }

  private static BucketedExchange exchange(
      ProcessGroup group, Tensors tensors, long bytes, DeviceMemory memory) {
    return new BucketedExchange(
        group,
        tensors.parameters,
        List.of(tensors.statistic),
        bytes,
        bytes,
        new CompressionSpec.None(),
        memory);
  }

  private static Void train(ProcessGroup group, int parts, long bytes) {
    Device device = new Device(Device.Kind.CUDA, group.rank());
    return train(group, parts, bytes, new CudaMemory(device));
  }

  private static Void train(ProcessGroup group, int parts, long bytes, DeviceMemory memory) {
    try (Tensors tensors = new Tensors(group.rank());
        BucketedExchange exchange = exchange(group, tensors, bytes, memory)) {
      assertThat(exchange.reduced()).allMatch(each -> each.device().equals(tensors.device));
      for (long step = 1; step <= 3; step++) {
        for (int part = 0; part < parts; part++) {
          if (parts > 1) {
            exchange.part(part, parts);
          }
          tensors.fill(tensors.statistic.data(), group.rank() + part);
          exchange.begin(step, new StepSignals(new Loss(1, 1, 1), false, false));
          backward(tensors, exchange, seed(group.rank(), part, step));
        }
        Loss all =
            new Loss(
                group.worldSize() * parts, group.worldSize() * parts, group.worldSize() * parts);
        assertThat(exchange.await().loss()).isEqualTo(all);
        assertSums(tensors, exchange, group.worldSize(), parts, step);
      }
    }
    return null;
  }

  private static int seed(int rank, int part, long step) {
    return (int) (100 * step + 10 * part + rank);
  }

  private static void backward(Tensors tensors, BucketedExchange exchange, int seed) {
    for (int i = SIZES.length - 1; i >= 0; i--) {
      TensorBuffer gradient = tensors.parameters.get(i).tensor().data();
      tensors.fill(gradient, seed + i);
      exchange.ready(i, gradient);
      // The engine uses its memory again: what was handed over must have been copied, in order.
      tensors.memory.enqueueZero(gradient);
    }
  }

  private static void assertSums(
      Tensors tensors, BucketedExchange exchange, int worldSize, int parts, long step) {
    for (int i = 0; i < SIZES.length; i++) {
      double[] expected = new double[(int) SIZES[i]];
      for (int rank = 0; rank < worldSize; rank++) {
        for (int part = 0; part < parts; part++) {
          add(expected, seed(rank, part, step) + i);
        }
      }
      assertThat(tensors.read(exchange.reduced().get(i))).isEqualTo(expected);
    }
    double[] mean = new double[3];
    if (worldSize * parts == 1) {
      add(mean, 0);
    }
    for (int rank = 0; rank < worldSize && worldSize * parts > 1; rank++) {
      for (int part = 0; part < parts; part++) {
        add(mean, rank + part);
      }
    }
    for (int i = 0; i < mean.length; i++) {
      mean[i] /= worldSize * parts;
    }
    assertThat(tensors.read(tensors.statistic.data())).isEqualTo(mean);
  }

  private static void add(double[] to, int seed) {
    for (int i = 0; i < to.length; i++) {
      to[i] += TestBuffers.value(seed, i);
    }
  }

  @Test
  void shouldRefuseToCompressGradientsOfADevice() {
    try (NcclGroups ranks = NcclGroups.create(2)) {
      ranks.onEveryRank(
          group -> {
            try (Tensors tensors = new Tensors(group.rank())) {
              assertThatThrownBy(
                      () ->
                          new BucketedExchange(
                              group,
                              tensors.parameters,
                              List.of(),
                              1,
                              1,
                              new CompressionSpec.Float16(),
                              tensors.memory))
                  .hasMessageContainingAll("no compression", "cuda:", "parallel.compression");
            }
            return null;
          });
    }
  }
}
