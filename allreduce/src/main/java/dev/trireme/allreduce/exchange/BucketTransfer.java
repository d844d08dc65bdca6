package dev.trireme.allreduce.exchange;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.WireBytes;
import java.util.Optional;

/**
 * How the gradients of one bucket become one sum. In each step: {@link #take} for every parameter,
 * {@link #start}, {@link #proceed} once that collective is done, {@link #finish} once the one of
 * proceed is done, if there was one. All ranks end with the same bits in {@link #reduced}.
 *
 * <p>Threading: one thread at a time, the training thread but where gradients of a device are
 * taken. Blocking: never for peers; where gradients stand on a device, {@link #take} and {@link
 * #finish} may wait for it.
 */
interface BucketTransfer extends AutoCloseable {
  /** Where the sum stands after {@link #finish}, the whole bucket; never changes. */
  TensorBuffer reduced();

  /** Takes one parameter's gradient, which begins at element {@code from} of the bucket. */
  void take(long from, TensorBuffer gradient);

  /** Starts the collective that all gradients of the bucket take part in. */
  Work start(long step);

  /** Starts a second collective, which needs the result of the first; most transfers have none. */
  default Optional<Work> proceed() {
    return Optional.empty();
  }

  /** Writes the sum to where it belongs, if it is not there already. */
  default void finish() {}

  /** What this rank sends of the bucket in the step that was last started, see WireBytes. */
  long sentBytes();

  /** Frees memory of its own. */
  @Override
  default void close() {}

  /** As it is: copied once, reduced in place, read in place. */
  final class Plain implements BucketTransfer {
    private final ProcessGroup group;
    private final TensorBuffer buffer;

    Plain(ProcessGroup group, BucketLayout.Bucket bucket) {
      this.group = group;
      this.buffer = group.allocate(bucket.dtype(), bucket.count());
    }

    @Override
    public TensorBuffer reduced() {
      return buffer;
    }

    @Override
    public void take(long from, TensorBuffer gradient) {
      NativeMemory.copy(
          gradient.address(),
          buffer.address() + from * buffer.dtype().bytes(),
          gradient.byteCount());
    }

    @Override
    public Work start(long step) {
      return group.allReduce(buffer, ReduceOp.SUM);
    }

    @Override
    public long sentBytes() {
      return WireBytes.ofAllReduce(buffer.byteCount(), group.worldSize());
    }
  }
}
