package dev.trireme.allreduce.group;

import java.time.Duration;

/**
 * What the flight recorder knows of one operation. Times count from the group's beginning; -1 ms
 * means that it has not come so far.
 *
 * @param number of the operation, counted from 1
 * @param what kind, reduction, algorithm, count and dtype, as {@code all-reduce (sum, owner) of 12
 *     FLOAT32}
 * @param label what it was for, as {@code bucket 2 of 5}; empty when nobody said
 * @param state how far it has come
 * @param stage the step of its plan that it is in, from 0
 * @param bytesDone bytes that this rank has worked through
 * @param bytes of its buffer
 * @param awaited the rank whose stage it waited for, or -1
 * @param enqueued when it was started by its user
 * @param begun when all ranks had started it
 * @param ended when it completed or failed
 */
public record RecordedOperation(
    long number,
    String what,
    String label,
    State state,
    int stage,
    long bytesDone,
    long bytes,
    int awaited,
    Duration enqueued,
    Duration begun,
    Duration ended) {
  /** How far an operation has come. */
  public enum State {
    /** Started here; some peer is not known to have started it. */
    ENQUEUED,
    /** Started everywhere; bytes move. */
    RUNNING,
    DONE,
    FAILED
  }
}
