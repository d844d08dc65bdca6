package dev.trireme.allreduce.process;

import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.TestBuffers;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** What the rank processes of the tests do. Each prints lines that begin with a word. */
final class RankMain {
  /** What to do once joined. */
  enum Scenario {
    /** Reduces and broadcasts buffers of many sizes; prints {@code BITS} of all results. */
    MATRIX,
    /** Reduces and checks 2000 times; prints {@code RUNNING} after the first. */
    CHECKED,
    /** Reduces for ever; prints {@code RUNNING} after the first. */
    LOOP,
    /** The same with 16 MiB, so that signals find it in the middle of an operation. */
    LOOP_LARGE
  }

  private RankMain() {}

  static List<String> arguments(GroupConfig config) {
    return List.of(
        String.valueOf(config.rank()),
        String.valueOf(config.worldSize()),
        config.aeronDirectory().toString(),
        config.sharedDirectory().toString(),
        String.valueOf(config.streamBase()),
        String.valueOf(config.formation()),
        String.valueOf(config.timeout().toMillis()));
  }

  public static void main(String[] args) {
    int worldSize = Integer.parseInt(args[2]);
    GroupConfig config =
        new GroupConfig(
            Integer.parseInt(args[1]),
            worldSize,
            7,
            Path.of(args[3]),
            Path.of(args[4]),
            Integer.parseInt(args[5]),
            worldSize * worldSize,
            Long.parseLong(args[6]),
            Duration.ofMillis(Long.parseLong(args[7])));
    try (ProcessGroup group = AeronProcessGroup.join(config)) {
      switch (Scenario.valueOf(args[0])) {
        case MATRIX -> matrix(group);
        case CHECKED -> checked(group);
        case LOOP -> loop(group, 10_007);
        case LOOP_LARGE -> loop(group, 4 << 20);
      }
      System.out.println("DONE");
    } catch (CollectiveException e) {
      System.out.println("FAILED " + e.reason() + " " + e.suspectRank() + " " + e.getMessage());
      System.exit(3);
    }
  }

  private static void matrix(ProcessGroup group) {
    int worldSize = group.worldSize();
    StringBuilder bits = new StringBuilder();
    for (long count : new long[] {0, 1, 3, worldSize - 1, 127, 4096, 10_007, 1_500_001}) {
      bits.append(reduce(group, group.allocate(DType.FLOAT32, count), count)).append(' ');
      try (NativeMemory.Block block = NativeMemory.allocate(4 * count, 4)) {
        TensorBuffer own = block.buffer(DType.FLOAT32, count);
        bits.append(reduce(group, own, count)).append(' ');
        for (int root = 0; root < worldSize; root++) {
          TestBuffers.fill(own, group.rank());
          group.broadcast(own, root).await();
          bits.append(TestBuffers.bits(own)).append(' ');
        }
      }
      group.barrier().await();
    }
    System.out.println("BITS " + bits);
  }

  private static void checked(ProcessGroup group) {
    TensorBuffer buffer = group.allocate(DType.FLOAT32, 10_007);
    for (int i = 0; i < 2000; i++) {
      reduce(group, buffer, buffer.count());
      if (i == 0) {
        System.out.println("RUNNING");
      }
    }
    group.barrier().await();
  }

  private static int reduce(ProcessGroup group, TensorBuffer buffer, long count) {
    TestBuffers.fill(buffer, group.rank());
    group.allReduce(buffer, ReduceOp.SUM).await();
    double[] expected = TestBuffers.expected(group.worldSize(), count, DType.FLOAT32, ReduceOp.SUM);
    double[] found = TestBuffers.read(buffer);
    for (int i = 0; i < count; i++) {
      if (found[i] != expected[i]) {
        System.out.println("WRONG at " + i + " of " + count + ": " + found[i]);
        System.exit(4);
      }
    }
    return TestBuffers.bits(buffer);
  }

  private static void loop(ProcessGroup group, long count) {
    TensorBuffer buffer = group.allocate(DType.FLOAT32, count);
    for (long i = 0; ; i++) {
      group.allReduce(buffer, ReduceOp.SUM).await();
      if (i == 0) {
        System.out.println("RUNNING");
      }
    }
  }
}
