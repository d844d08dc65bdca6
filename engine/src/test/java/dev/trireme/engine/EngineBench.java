package dev.trireme.engine;

import dev.trireme.api.data.Batch;
import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.Pointer;

/**
 * Milliseconds a step of the two models of the benchmarks, by phase, on one thread. Both the wall's
 * and the thread's processor time are printed: on a busy machine only the latter means something.
 *
 * <p>Arguments: models and batch sizes, as {@code mlp cnn 64 128} (the default).
 */
final class EngineBench {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final int ROUNDS = 7;

  private EngineBench() {}

  public static void main(String[] args) {
    List<String> wanted =
        args.length == 0 ? List.of("mlp", "cnn", "64", "128") : Arrays.asList(args);
    startUp();
    TorchEngine engine = TorchEngine.load(1);
    System.out.println("model batch |  step |  forward backward optimize (ms, cpu; wall of step)");
    for (String model : List.of("mlp", "cnn")) {
      for (int size : new int[] {64, 128}) {
        if (wanted.contains(model) && wanted.contains(String.valueOf(size))) {
          run(engine, model, size);
        }
      }
    }
  }

  /** What a rank goes through before its first step; the first round is the cold one. */
  private static void startUp() {
    long begun = ManagementFactory.getRuntimeMXBean().getStartTime();
    System.out.printf("start-up, ms since the JVM's start (processor time of the process)%n");
    mark("main", begun);
    TorchEngine engine = TorchEngine.load(1);
    mark("engine loaded", begun);
    try (Items items = Items.classes(64, Shape.of(1, 28, 28), 10, 1)) {
      mark("items made", begun);
      try (Replica replica =
          engine.replica(Jobs.mlp().spec(), Jobs.images(), EngineBench.class.getClassLoader())) {
        mark("replica made", begun);
        Copying sink = new Copying(replica);
        for (int i = 1; i <= 3; i++) {
          step(replica, items.all(), sink, new long[4]);
          mark("step " + i, begun);
        }
        sink.block.close();
      }
    }
    System.out.printf("resident %d MiB%n", Pointer.physicalBytes() >> 20);
  }

  private static void mark(String what, long begun) {
    long cpu = ProcessHandle.current().info().totalCpuDuration().orElseThrow().toMillis();
    System.out.printf("%-14s %6d (%d)%n", what, System.currentTimeMillis() - begun, cpu);
  }

  private static void run(TorchEngine engine, String model, int size) {
    Jobs jobs = model.equals("mlp") ? Jobs.mlp() : Jobs.cnn();
    long start = System.nanoTime();
    try (Items items = Items.classes(1024, Shape.of(1, 28, 28), 10, 1);
        Replica replica =
            engine.replica(jobs.spec(), Jobs.images(), EngineBench.class.getClassLoader())) {
      Copying sink = new Copying(replica);
      long made = System.nanoTime();
      step(replica, items.batch(0, size, 128), sink, new long[4]);
      long stepped = System.nanoTime();
      int steps = model.equals("mlp") ? 100 : 5;
      long[][] rounds = new long[ROUNDS][];
      for (int round = -1; round < ROUNDS; round++) {
        long[] times = new long[4];
        for (int i = 0; i < steps; i++) {
          step(replica, items.batch(i % (1024 / size) * size, size, 128), sink, times);
        }
        if (round >= 0) {
          rounds[round] = times;
        }
      }
      Arrays.sort(rounds, (a, b) -> Long.compare(a[0] + a[1] + a[2], b[0] + b[1] + b[2]));
      long[] best = rounds[0];
      double unit = 1e6 * steps;
      System.out.printf(
          "%5s %5d | %5.2f | %6.2f %7.2f %7.2f ; %.2f   made in %d ms, first step %d ms, native %d"
              + " MiB%n",
          model,
          size,
          (best[0] + best[1] + best[2]) / unit,
          best[0] / unit,
          best[1] / unit,
          best[2] / unit,
          best[3] / unit,
          (made - start) / 1_000_000,
          (stepped - made) / 1_000_000,
          replica.nativeBytes() >> 20);
      sink.block.close();
    }
  }

  private static void step(Replica replica, Batch batch, Copying sink, long[] times) {
    long wall = System.nanoTime();
    long t0 = THREADS.getCurrentThreadCpuTime();
    replica.forward(batch, 1);
    long t1 = THREADS.getCurrentThreadCpuTime();
    replica.backward(sink);
    long t2 = THREADS.getCurrentThreadCpuTime();
    replica.optimize(0.01);
    long t3 = THREADS.getCurrentThreadCpuTime();
    times[0] += t1 - t0;
    times[1] += t2 - t1;
    times[2] += t3 - t2;
    times[3] += System.nanoTime() - wall;
  }

  /** Copies each gradient once, as an exchange does. */
  private static final class Copying implements GradientSink {
    private final NativeMemory.Block block;
    private final List<TensorBuffer> buffers = new ArrayList<>();

    Copying(Replica replica) {
      long count = replica.parameters().stream().mapToLong(p -> p.tensor().data().count()).sum();
      block = NativeMemory.allocate(count * 4, 64);
      TensorBuffer all = block.buffer(DType.FLOAT32, count);
      long at = 0;
      for (var parameter : replica.parameters()) {
        long length = parameter.tensor().data().count();
        buffers.add(all.slice(at, length));
        at += length;
      }
      replica.bindGradients(buffers);
    }

    @Override
    public void ready(int parameter, TensorBuffer gradient) {
      NativeMemory.copy(gradient.address(), buffers.get(parameter).address(), gradient.byteCount());
    }
  }
}
