package dev.trireme.api.collective;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * An operation in flight. Its buffers belong to the group until it is done.
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

  /**
   * Blocks until the operation has ended, but no longer than this. Running out of time harms
   * nothing: the operation stays in flight and may be awaited again.
   *
   * @param atMost how long to wait, 0 or more; the group's own deadline may end it sooner
   * @return whether it has ended well
   * @throws CollectiveException as {@link #await()}
   */
  boolean await(Duration atMost);

  /**
   * Has {@code callback} called once when the operation has ended: with nothing when it ended well,
   * else with the reason. Called at once when it has ended already.
   *
   * <p>Threading: on whichever thread moves the group's bytes, or on the caller's. It must return
   * soon and may not wait for operations of the group; it may start some. What it throws is logged.
   */
  void whenDone(Consumer<Optional<CollectiveException>> callback);

  /** An operation that has ended well. */
  static Work completed() {
    return Completed.INSTANCE;
  }

  /** See {@link #completed}. */
  enum Completed implements Work {
    /** The only one: it has no state. */
    INSTANCE;

    @Override
    public boolean isDone() {
      return true;
    }

    @Override
    public void await() {}

    @Override
    public boolean await(Duration atMost) {
      Objects.requireNonNull(atMost, "atMost");
      return true;
    }

    @Override
    public void whenDone(Consumer<Optional<CollectiveException>> callback) {
      callback.accept(Optional.empty());
    }
  }
}
