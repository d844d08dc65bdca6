package dev.trireme.allreduce.exchange;

import dev.trireme.api.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

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
  private final Supplier<PartMemory> making;
  private final List<TensorBuffer> digits = new ArrayList<>();
  private Optional<PartMemory> memory = Optional.empty();

  /**
   * @param slots as large as the gradients, one a parameter
   * @param making gives the memory when a batch first has several parts; closed by this one
   */
  PartSums(List<TensorBuffer> slots, Supplier<PartMemory> making) {
    this.making = making;
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
    TensorBuffer here = memory().here(gradient);
    int carried = Integer.numberOfTrailingZeros(~part);
    TensorBuffer into = at(carried, parameter, here);
    memory().copy(here, into);
    for (int digit = 0; digit < carried; digit++) {
      memory().add(at(digit, parameter, here), into);
    }
  }

  /**
   * The sum of all parts, the last of which this gradient is of; valid until the next part's.
   *
   * @param part the last one, above 0
   */
  TensorBuffer sum(int part, int parameter, TensorBuffer gradient) {
    TensorBuffer here = memory().here(gradient);
    TensorBuffer sum = here;
    for (int digit = 0; part >>> digit != 0; digit++) {
      if ((part >>> digit & 1) != 0) {
        TensorBuffer before = at(digit, parameter, here);
        memory().add(sum, before);
        sum = before;
      }
    }
    return sum;
  }

  private PartMemory memory() {
    if (memory.isEmpty()) {
      memory = Optional.of(making.get());
    }
    return memory.get();
  }

  private TensorBuffer at(int digit, int parameter, TensorBuffer like) {
    while (digits.size() <= digit) {
      digits.add(memory().allocate(bytes));
    }
    TensorBuffer all = digits.get(digit);
    return new TensorBuffer(
        all.address() + offsets[parameter], like.dtype(), like.count(), all.device());
  }

  @Override
  public void close() {
    memory.ifPresent(PartMemory::close);
    memory = Optional.empty();
    digits.clear();
  }
}
