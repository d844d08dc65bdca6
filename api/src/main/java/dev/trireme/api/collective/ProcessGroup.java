package dev.trireme.api.collective;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.TensorBuffer;

/**
 * The ranks of one formation, able to run collectives together.
 *
 * <p>Every rank must start the same operations in the same order with the same dtype and count;
 * they complete in that order. Operations are asynchronous: starting one returns at once and the
 * group's own thread moves the bytes. The results are the same bits on every rank.
 *
 * <p>Threading: operations are started from one thread at a time; {@link #abort} and {@link
 * Work#await} may be called from any thread. Blocking: only {@link Work#await} and {@link #close}
 * block, both with a deadline. Errors: after the first failed operation, the group is unusable and
 * every later call says so; nothing is retried inside.
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

  /** Ends the group's thread and frees its memory; waits for neither peers nor operations. */
  @Override
  void close();
}
