package dev.trireme.allreduce.kernel;

import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;

/**
 * Prints the speed of every kernel, in 10^9 bytes a second of one rank's elements combined with
 * another's: run {@code main} with the flags of a rank. Blocks of 32 KiB, as collectives use them.
 */
final class KernelBench {
  private static final int BYTES = 32 << 10;
  private static final int ROUNDS = 4000;

  private KernelBench() {}

  public static void main(String[] arguments) {
    Reductions reductions = new Reductions();
    try (NativeMemory.Block memory = NativeMemory.allocate(2 * BYTES, 64)) {
      for (DType dtype : DType.values()) {
        StringBuilder line = new StringBuilder("%-9s".formatted(dtype));
        for (ReduceOp op : ReduceOp.values()) {
          line.append("  %s %5.1f".formatted(op, speed(reductions.of(dtype, op), dtype, memory)));
        }
        System.out.println(line);
      }
    }
  }

  private static double speed(Reduction kernel, DType dtype, NativeMemory.Block memory) {
    double best = 0;
    long[] places = {memory.address(), memory.address() + BYTES};
    for (int repeat = 0; repeat < 5; repeat++) {
      // Bytes 1 to 63 make ordinary numbers in every dtype.
      for (int i = 0; i < 2 * BYTES; i++) {
        NativeMemory.fill(memory.address() + i, 1, (byte) (1 + i * 31 % 47));
      }
      long start = System.nanoTime();
      for (int round = 0; round < ROUNDS; round++) {
        kernel.reduceAll(places[0], places, 0, 0, BYTES / dtype.bytes());
      }
      best = Math.max(best, (double) BYTES * ROUNDS / (System.nanoTime() - start));
    }
    return best;
  }
}
