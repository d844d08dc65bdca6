package dev.trireme.bench;

import dev.trireme.api.checkpoint.CheckpointContent;
import dev.trireme.api.checkpoint.CheckpointGate;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.Progress;
import dev.trireme.checkpoint.CheckpointerConfig;
import dev.trireme.checkpoint.LocalCheckpointer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Saves and restores a state of one rank over and over and prints what each took, beside a plain
 * copy of as many bytes in memory.
 */
final class CheckpointBench {
  private static final Duration DEADLINE = Duration.ofMinutes(5);
  private static final int TENSOR_BYTES = 4 << 20;

  private CheckpointBench() {}

  private static final class Granting implements CheckpointGate {
    @Override
    public void shardWritten(long generation, long step) {}

    @Override
    public boolean awaitGrant(long generation, long step, Duration deadline) {
      return true;
    }

    @Override
    public void finished(
        long generation, long step, Duration stall, Duration write, long bytes, String failure) {
      System.out.printf("write_ms=%.1f%n", write.toNanos() / 1e6);
    }
  }

  /** Arguments: a directory on the disk to measure, MiB of state, number of saves. */
  public static void main(String[] arguments) {
    Path directory = Path.of(arguments[0]);
    long bytes = Long.parseLong(arguments[1]) << 20;
    int saves = Integer.parseInt(arguments[2]);
    try (NativeMemory.Block state = NativeMemory.allocate(bytes, 64);
        NativeMemory.Block copy = NativeMemory.allocate(bytes, 64)) {
      SplittableRandom random = new SplittableRandom(1);
      byte[] values = new byte[TENSOR_BYTES];
      for (long at = 0; at < bytes; at += TENSOR_BYTES) {
        random.nextBytes(values);
        NativeMemory.write(values, 0, TENSOR_BYTES, state.address() + at);
      }
      measure(directory, tensors(state, bytes), state, copy, saves);
    }
  }

  private static List<NamedTensor> tensors(NativeMemory.Block state, long bytes) {
    List<NamedTensor> tensors = new ArrayList<>();
    for (long at = 0; at < bytes; at += TENSOR_BYTES) {
      long elements = TENSOR_BYTES / DType.FLOAT32.bytes();
      tensors.add(
          new NamedTensor(
              "model." + at / TENSOR_BYTES + ".weight",
              Shape.of(elements),
              TensorBuffer.cpu(state.address() + at, DType.FLOAT32, elements)));
    }
    return tensors;
  }

  private static void measure(
      Path directory,
      List<NamedTensor> tensors,
      NativeMemory.Block state,
      NativeMemory.Block copy,
      int saves) {
    CheckpointerConfig config = new CheckpointerConfig(directory, 0, 1, 1, DEADLINE);
    try (LocalCheckpointer checkpointer = LocalCheckpointer.open(config, new Granting())) {
      checkpointer.prepare(tensors);
      checkpointer.drain(DEADLINE);
      for (int save = 1; save <= saves; save++) {
        long begin = System.nanoTime();
        NativeMemory.copy(state.address(), copy.address(), state.bytes());
        System.out.printf("copy_ms=%.1f%n", (System.nanoTime() - begin) / 1e6);
        Duration stall =
            checkpointer.save(
                new CheckpointContent(1, new Progress(save, Cursor.START), 1, "", tensors));
        System.out.printf("stall_ms=%.1f%n", stall.toNanos() / 1e6);
        checkpointer.drain(DEADLINE);
      }
      for (int load = 0; load < saves; load++) {
        long begin = System.nanoTime();
        checkpointer.restore(directory.toString(), tensors);
        System.out.printf("load_ms=%.1f%n", (System.nanoTime() - begin) / 1e6);
      }
    }
  }
}
