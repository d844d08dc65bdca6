package dev.trireme.api.collective;

/**
 * A collective operation in flight. Its buffers belong to the group until it is done.
 *
 * <p>Threading: any thread may ask or wait; several may wait at once.
 */
public interface Work {
  /** Whether the operation has ended, well or badly. Never blocks. */
  boolean isDone();

  /**
   * Blocks until the operation has ended or its deadline has passed.
   *
   * @throws CollectiveException when it failed, was aborted, or missed the group's deadline; the
   *     group is unusable from then on and the buffers hold nothing of use. A retry is safe only in
   *     a new process group.
   */
  void await();
}
