package dev.trireme.allreduce.group;

import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.TensorBuffer;

/** Checks of what callers hand to collectives; all throw {@link IllegalArgumentException}. */
public final class Buffers {
  private Buffers() {}

  /** Refuses what is not in the host's memory. */
  static void requireCpu(TensorBuffer buffer) {
    if (!buffer.device().equals(Device.CPU)) {
      throw new IllegalArgumentException(
          "expected a buffer in the host's memory, found one on " + buffer.device());
    }
  }

  /** Refuses a rank that is not in the group. */
  public static void requireRank(String what, int rank, int worldSize) {
    if (rank < 0 || rank >= worldSize) {
      throw new IllegalArgumentException(
          what + " rank " + rank + ", expected 0 to " + (worldSize - 1));
    }
  }

  /** Input and output of one dtype and count that do not overlap. */
  public static void requireSame(TensorBuffer input, TensorBuffer output) {
    requireParts(input, 1, output, 1);
  }

  /**
   * Input and output of one dtype that do not overlap, where {@code input} holds {@code inputParts}
   * parts and {@code output} as many elements in {@code outputParts}.
   */
  static void requireParts(
      TensorBuffer input, int inputParts, TensorBuffer output, int outputParts) {
    requireCpu(input);
    requireCpu(output);
    requireMatchingParts(input, inputParts, output, outputParts);
  }

  /** The same, wherever the two stand. */
  public static void requireMatchingParts(
      TensorBuffer input, int inputParts, TensorBuffer output, int outputParts) {
    if (input.dtype() != output.dtype()) {
      throw new IllegalArgumentException(
          "the input is of " + input.dtype() + ", the output of " + output.dtype());
    }
    boolean whole = input.count() % inputParts == 0 && output.count() % outputParts == 0;
    if (!whole || input.count() / inputParts != output.count() / outputParts) {
      throw new IllegalArgumentException(
          "the input has "
              + input.count()
              + " elements and the output "
              + output.count()
              + ", expected "
              + inputParts
              + " n and "
              + outputParts
              + " n for some n");
    }
    if (input.device().equals(output.device()) && overlap(input, output)) {
      throw new IllegalArgumentException("the input and the output overlap");
    }
  }

  static boolean overlap(TensorBuffer one, TensorBuffer other) {
    return one.address() < other.address() + other.byteCount()
        && other.address() < one.address() + one.byteCount();
  }
}
