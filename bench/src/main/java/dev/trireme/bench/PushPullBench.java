package dev.trireme.bench;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.data.Batch;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.LearningRate;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StepSignals;
import dev.trireme.launcher.config.JobReader;
import dev.trireme.ps.ParameterServer;
import dev.trireme.ps.ServedExchange;
import dev.trireme.ps.ServedFigures;
import dev.trireme.ps.ServedReplica;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * What it takes to push 100 MiB of gradients to a server and pull as many parameters, plain sgd
 * between the two, against two copies of 100 MiB in memory. Worker and server are threads of one
 * process with a process group over Aeron and shared memory, as processes would have it.
 *
 * <p>A pushed byte is copied from backward's buffer to the slab, to the server, and read by the
 * optimizer; a pulled one from the server to a slab and into the model.
 */
public final class PushPullBench {
  private static final int ELEMENTS = 100 << 18;
  private static final int WARM_UP = 3;
  private static final int ROUNDS = 10;
  private static final int STREAMS = 16;

  private PushPullBench() {}

  /**
   * Prints a row in the columns of {@code bench/parameter-server.sh}.
   *
   * @param args a job that is taken for what it says besides model and data
   */
  public static void main(String[] args) throws Exception {
    JobSpec job =
        JobReader.read(
                Path.of(args[0]),
                List.of(
                    "parallel.sync=parameter-server",
                    "parallel.workers=1",
                    "train.optimizer={sgd: {lr: 0.1}}"))
            .spec()
            .on(ParallelSpec.DeviceKind.CPU);
    Path memory = Path.of("/dev/shm");
    Path root =
        Files.isWritable(memory)
            ? Files.createTempDirectory(memory, "trireme-bench-ps-")
            : Files.createTempDirectory("trireme-bench-ps-");
    try (MediaDriver driver =
        MediaDriver.launch(
            new MediaDriver.Context()
                .aeronDirectoryName(root.resolve("aeron").toString())
                .threadingMode(ThreadingMode.SHARED)
                .termBufferSparseFile(true)
                .dirDeleteOnShutdown(true))) {
      Path shared = Files.createDirectory(root.resolve("shared"));
      Path aeron = Path.of(driver.aeronDirectoryName());
      Thread server = new Thread(() -> serve(job, config(1, aeron, shared)), "bench-server");
      server.start();
      double exchange = work(job, config(0, aeron, shared));
      server.join();
      double copies = copies();
      System.out.printf(
          Locale.ROOT,
          "%-52s  %12.1f  %12.1f  %7.2f  %s%n",
          "push and pull of 100 MiB, ms, against two copies",
          exchange,
          copies,
          exchange / copies,
          "reported");
    } finally {
      delete(root);
    }
  }

  private static GroupConfig config(int rank, Path aeron, Path shared) {
    return new GroupConfig(rank, 2, 1, aeron, shared, 1000, STREAMS, 4711, Duration.ofSeconds(60));
  }

  private static void serve(JobSpec job, GroupConfig config) {
    try (ProcessGroup group =
            AeronProcessGroup.joinForMessages(config, Duration.ofMinutes(5), new AbortSwitch());
        ParameterServer server = new ParameterServer(job)) {
      server.serve(group, step -> {});
    }
  }

  private static double work(JobSpec job, GroupConfig config) {
    double[] millis = new double[ROUNDS];
    LearningRate rate = new LearningRate(0.1, job.train().schedule(), 0, WARM_UP + ROUNDS);
    try (ProcessGroup all =
            AeronProcessGroup.joinForMessages(config, Duration.ofMinutes(5), new AbortSwitch());
        ProcessGroup alone =
            AeronProcessGroup.join(
                new GroupConfig(
                    0,
                    1,
                    1,
                    config.aeronDirectory(),
                    config.sharedDirectory(),
                    1,
                    1,
                    1,
                    Duration.ofSeconds(60)));
        Vector vector = new Vector();
        ServedExchange exchange =
            new ServedExchange(alone, all, vector, job, rate, 1 << 20, new ServedFigures())) {
      ServedReplica replica = new ServedReplica(vector, exchange);
      Progress progress = exchange.formed(new Progress(0, Cursor.START), false, 0);
      for (int round = -WARM_UP; round < ROUNDS; round++) {
        long step = progress.step() + 1;
        exchange.part(0, 1);
        exchange.begin(step, new StepSignals(new Loss(0, 0, 1), false, false));
        long begin = System.nanoTime();
        replica.backward(exchange);
        exchange.await();
        replica.optimize(rate.at(step));
        if (round >= 0) {
          millis[round] = (System.nanoTime() - begin) / 1e6;
        }
        progress = progress.next(Cursor.START);
      }
      exchange.finishing(progress);
    }
    return median(millis);
  }

  private static double copies() {
    double[] millis = new double[ROUNDS];
    try (NativeMemory.Block from = NativeMemory.allocate(4L * ELEMENTS, 64);
        NativeMemory.Block to = NativeMemory.allocate(4L * ELEMENTS, 64)) {
      for (int round = -WARM_UP; round < ROUNDS; round++) {
        long begin = System.nanoTime();
        NativeMemory.copy(from.address(), to.address(), from.bytes());
        NativeMemory.copy(to.address(), from.address(), from.bytes());
        if (round >= 0) {
          millis[round] = (System.nanoTime() - begin) / 1e6;
        }
      }
    }
    return median(millis);
  }

  private static double median(double[] millis) {
    double[] sorted = millis.clone();
    Arrays.sort(sorted);
    return (sorted[(ROUNDS - 1) / 2] + sorted[ROUNDS / 2]) / 2;
  }

  private static void delete(Path root) throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }

  /** A model of one vector whose gradient is there at once. */
  private static final class Vector implements Replica {
    private final NativeMemory.Block values = NativeMemory.allocate(4L * ELEMENTS, 64);
    private final NativeMemory.Block gradient = NativeMemory.allocate(4L * ELEMENTS, 64);
    private final NativeMemory.Block count = NativeMemory.allocate(8, 64);

    @Override
    public List<Parameter> parameters() {
      TensorBuffer buffer = values.buffer(DType.FLOAT32, ELEMENTS);
      return List.of(new Parameter(0, new NamedTensor("vector", Shape.of(ELEMENTS), buffer)));
    }

    @Override
    public List<NamedTensor> statistics() {
      return List.of();
    }

    @Override
    public Loss forward(Batch batch, long seed) {
      return Loss.NONE;
    }

    @Override
    public void backward(GradientSink sink) {
      sink.ready(0, gradient.buffer(DType.FLOAT32, ELEMENTS));
    }

    @Override
    public void bindGradients(List<TensorBuffer> reduced) {}

    @Override
    public void optimize(double learningRate) {
      throw new UnsupportedOperationException("the server's work");
    }

    @Override
    public Loss evaluate(Batch batch) {
      return Loss.NONE;
    }

    @Override
    public List<NamedTensor> modelState() {
      return List.of(parameters().get(0).tensor());
    }

    @Override
    public List<NamedTensor> optimizerState() {
      return List.of(new NamedTensor("step", Shape.of(), count.buffer(DType.INT64, 1)));
    }

    @Override
    public long nativeBytes() {
      return 0;
    }

    @Override
    public void close() {
      values.close();
      gradient.close();
      count.close();
    }
  }
}
