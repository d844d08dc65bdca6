package dev.trireme.allreduce.exchange;

import dev.trireme.allreduce.kernel.Reductions;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Adds up the gradients of a rank's parts in a balanced binary tree over the parts in order, as
 * they come: a binary counter whose digit <em>l</em> is a sum of 2^l parts. Part <em>i</em> is
 * added to the digits 0, 1, ... of <em>i</em> as long as these are set, and becomes the next; the
 * last part is added to every digit that is set. For a power of two of parts that is the balanced
 * tree, so a subtree of a {@link dev.trireme.api.train.ShardTree}.
 *
 * <p>Cost: one copy and on average one addition a gradient and part; memory for log2(parts) times
 * the gradients, taken when first needed.
 *
 * <p>Threading: one thread.
 */
final class PartSums implements AutoCloseable {
  private final long[] offsets;
  private final long bytes;
  private final List<NativeMemory.Block> digits = new ArrayList<>();
  private final Reductions reductions = new Reductions();

  /**
   * @param slots as large as the gradients, one a parameter
   */
  PartSums(List<TensorBuffer> slots) {
    this.offsets = new long[slots.size()];
    long end = 0;
    for (int i = 0; i < offsets.length; i++) {
      offsets[i] = end;
      end += (slots.get(i).byteCount() + 63) / 64 * 64;
    }
    this.bytes = Math.max(64, end);
  }

  /**
   * Takes in a gradient of a part that is not the last.
   *
   * @param part from 0, without gaps
   */
  void add(int part, int parameter, TensorBuffer gradient) {
    int carried = Integer.numberOfTrailingZeros(~part);
    long into = at(carried, parameter);
    NativeMemory.copy(gradient.address(), into, gradient.byteCount());
    for (int digit = 0; digit < carried; digit++) {
      combine(gradient, into, at(digit, parameter));
    }
  }

  /**
   * The sum of all parts, the last of which this gradient is of; valid until the next part's.
   *
   * @param part the last one
   */
  TensorBuffer sum(int part, int parameter, TensorBuffer gradient) {
    long sum = gradient.address();
    for (int digit = 0; part >>> digit != 0; digit++) {
      if ((part >>> digit & 1) != 0) {
        combine(gradient, at(digit, parameter), sum);
        sum = at(digit, parameter);
      }
    }
    return TensorBuffer.cpu(sum, gradient.dtype(), gradient.count());
  }

  private void combine(TensorBuffer like, long into, long other) {
    reductions.of(like.dtype(), ReduceOp.SUM).combine(into, other, like.count());
  }

  private long at(int digit, int parameter) {
    while (digits.size() <= digit) {
      Reductions.load();
      digits.add(NativeMemory.allocate(bytes, 64));
    }
    return digits.get(digit).address() + offsets[parameter];
  }

  @Override
  public void close() {
    digits.forEach(NativeMemory.Block::close);
    digits.clear();
  }
}
