package dev.trireme.api.collective;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.Optional;

/**
 * The ranks of one formation, able to run collectives together.
 *
 * <p>Every rank must start the same collectives in the same order with the same dtype and count;
 * they complete in that order. Operations are asynchronous: starting one returns at once and the
 * group's own thread moves the bytes. The results are the same bits on every rank that receives
 * them. Counts may be 0. Where an operation has an input and an output they must not overlap; the
 * input is left as it was.
 *
 * <p>{@link #send} and {@link #receive} between two ranks stand beside that order: they complete
 * whenever both sides have started them, and never hold up a collective or wait for one.
 *
 * <p>Threading: operations are started from one thread at a time; {@link #abort} and the methods of
 * {@link Work} may be called from any thread. Blocking: only {@link Work#await()} and {@link
 * #close} block, both with a deadline. Errors: after the first failed operation, the group is
 * unusable and every later call says so; nothing is retried inside.
 */
public interface ProcessGroup extends AutoCloseable {
  /** This process's rank, in {@code 0..worldSize-1}. */
  int rank();

  /** The number of ranks, at least 1. */
  int worldSize();

  /** The generation of the formation this group serves. */
  long generation();

  /**
   * Reduces {@code buffer} over all ranks in place: every rank ends with the same bits.
   *
   * @param buffer the same dtype and count on every rank; 0 elements are allowed
   */
  Work allReduce(TensorBuffer buffer, ReduceOp op);

  /** Copies {@code buffer} of rank {@code root} over that of every other rank. */
  Work broadcast(TensorBuffer buffer, int root);

  /**
   * Reduces over all ranks and gives each its part of the result: rank r's output is the reduction
   * of elements {@code [r * n, (r + 1) * n)} of all inputs.
   *
   * @param input {@code worldSize * n} elements
   * @param output n elements of the same dtype
   */
  Work reduceScatter(TensorBuffer input, TensorBuffer output, ReduceOp op);

  /**
   * Gives every rank the inputs of all, in order of rank.
   *
   * @param input n elements
   * @param output {@code worldSize * n} elements of the same dtype
   */
  Work allGather(TensorBuffer input, TensorBuffer output);

  /**
   * Reduces {@code buffer} over all ranks into that of rank {@code root}; the others keep what they
   * have.
   */
  Work reduce(TensorBuffer buffer, ReduceOp op, int root);

  /**
   * Gives rank {@code root} the inputs of all, in order of rank.
   *
   * @param input n elements
   * @param output {@code worldSize * n} elements on the root; not used elsewhere, where an empty
   *     buffer will do
   */
  Work gather(TensorBuffer input, TensorBuffer output, int root);

  /**
   * Gives every rank its part of the root's input: rank r gets {@code [r * n, (r + 1) * n)}.
   *
   * @param input {@code worldSize * n} elements on the root; not used elsewhere, where an empty
   *     buffer will do
   * @param output n elements
   */
  Work scatter(TensorBuffer input, TensorBuffer output, int root);

  /**
   * Part p of rank r's input becomes part r of rank p's output, for all p and r.
   *
   * @param input {@code worldSize} parts of equal size
   * @param output as large, of the same dtype
   */
  Work allToAll(TensorBuffer input, TensorBuffer output);

  /**
   * Sends {@code buffer} to another rank, which {@link #receive}s it. Done when the buffer may be
   * used again. Of several with the same peer and tag, the first sent is the first received.
   *
   * @param to another rank
   * @param tag of the message, any number
   */
  Work send(TensorBuffer buffer, int to, int tag);

  /**
   * Receives what another rank {@link #send}s with this tag.
   *
   * @param buffer of exactly the dtype and count that are sent; anything else fails the group
   * @param from another rank
   * @param tag of the message
   */
  Work receive(TensorBuffer buffer, int from, int tag);

  /** Ends once every rank has started it. */
  Work barrier();

  /**
   * Zeroed memory that this group's transport can read and write in place; collectives on it save a
   * copy. Any other memory is accepted by the operations as well. Freed by {@link #close}.
   *
   * <p>A collective call in its own right: every rank must make the same allocations in the same
   * order.
   *
   * @param count of elements, at least 0
   * @throws CollectiveException when the peers do not follow within the deadline
   * @throws IllegalStateException when the host has no room; the message says how much is missing
   *     and where
   */
  TensorBuffer allocate(DType dtype, long count);

  /**
   * Where this process can address what another rank has allocated together with {@code own}: the
   * same elements of that rank's part. Empty where it cannot, as between hosts. What stands there
   * means something once a message of that rank has said so, and until this rank has answered it;
   * it can be read for as long as this group is open, whatever becomes of the other rank.
   *
   * @param own memory of {@link #allocate}, or a slice of it
   * @param rank another rank
   */
  default Optional<TensorBuffer> shownBy(int rank, TensorBuffer own) {
    return Optional.empty();
  }

  /**
   * The same in the memory of a device. A group that moves bytes from device to device gives memory
   * there; others give that of the CPU only.
   *
   * @throws IllegalArgumentException when this group has no use for memory of that device
   */
  default TensorBuffer allocate(Device device, DType dtype, long count) {
    if (!device.equals(Device.CPU)) {
      throw new IllegalArgumentException(
          "expected memory of the CPU, found a wish for that of "
              + device
              + ": the collectives of this group are between hosts' memories");
    }
    return allocate(dtype, count);
  }

  /** Whether the operations of this group take buffers on this device as they take the host's. */
  default boolean reaches(Device device) {
    return device.equals(Device.CPU);
  }

  /**
   * Says what the operations started from now on are for, as {@code bucket 2 of 5}; it goes into
   * verdicts. Changes nothing else.
   */
  default void label(String what) {}

  /**
   * Ends every operation in flight with {@link CollectiveException.Cause#ABORTED} and makes the
   * group unusable. Returns at once; waiting threads are woken within 100 ms. Repeats are ignored.
   *
   * @param why goes into the verdicts
   */
  void abort(String why);

  /**
   * Does nothing in a group that can be used: for long work between two operations, which would
   * learn only at the next one that it is in vain. Any thread; returns at once.
   *
   * @throws CollectiveException when an operation has failed, or the group was aborted or closed
   */
  void requireUsable();

  /**
   * Whether what operations give is provisional until {@link #confirm} has returned. Over NCCL, a
   * rank that gives up ends its part of an operation at once, and others may take what that leaves
   * for a result. Elsewhere an operation that has ended well is right.
   */
  default boolean isProvisional() {
    return false;
  }

  /**
   * Makes sure of the operations that this rank has awaited: returns once every rank has called
   * this, each after its own had ended well. For results that are to outlive the group. A
   * collective call; blocks as {@link Work#await()} does, and not at all where nothing is
   * provisional.
   *
   * @throws CollectiveException when a rank has failed; what was awaited since the call before must
   *     not be used then
   */
  default void confirm() {}

  /**
   * Lets operations take this long from now on, where the group's deadline is shorter: for a time
   * in which a peer may have long work of its own before it comes to its next one. Peers that die
   * or freeze are noticed as ever. Any thread; returns at once.
   *
   * @param least {@link Duration#ZERO} for the group's deadline again
   */
  default void patience(Duration least) {}

  /**
   * Ends the group's thread and frees its memory. Operations in flight end in errors. Blocks for as
   * long as peers on other hosts need to take what was sent to them, 10 seconds at most; for no
   * other peer.
   */
  @Override
  void close();
}
