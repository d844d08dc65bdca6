package dev.trireme.allreduce;

import java.util.Optional;
import java.util.function.Consumer;

/**
 * A way to end a process group from another thread that works from before it exists: while the
 * ranks meet, while the group takes its first memory, and during its life.
 *
 * <p>Threading: any. Blocking: never for long. One switch is for one group.
 */
public final class AbortSwitch {
  private Optional<String> reason = Optional.empty();
  private Consumer<String> target = why -> {};

  /**
   * Ends joining, or else every operation in flight, within 100 ms; see {@link
   * dev.trireme.api.collective.ProcessGroup#abort}. Repeats are ignored. The first group of a
   * process loads its kernels before it connects, which takes up to a second and goes on meanwhile,
   * unless {@link dev.trireme.allreduce.kernel.Reductions#load} was called before.
   *
   * @param why goes into the verdicts
   */
  public synchronized void abort(String why) {
    if (reason.isEmpty()) {
      reason = Optional.of(why);
      target.accept(why);
    }
  }

  /** Why it was used; empty while it was not. */
  public synchronized Optional<String> reason() {
    return reason;
  }

  /**
   * Names who is told of an abort from now on, in place of whoever was before; told at once where
   * it has been used.
   *
   * @param told must not block
   */
  public synchronized void tell(Consumer<String> told) {
    target = told;
    reason.ifPresent(told);
  }
}
