package dev.trireme.worker.agent.plane;

import java.time.Duration;
import java.util.Optional;

/**
 * Until when an agent's ranks may go on without word of a coordinator.
 *
 * <p>The lease counts from when the agent sent the registration that was answered, so it ends on
 * the agent's clock no later than on that of the coordinator, which counts from its answer. Nobody
 * replaces the ranks of a host before its lease and a margin are over. Within half of that margin
 * ranks are first asked to stop together after a step, keeping their state; then they are called
 * out of their collectives; then they are killed. So by its end none commits a step.
 *
 * <p>Pure: times are passed in. Threading: one thread.
 */
public final class Lease {
  /** What is to be done with the ranks. */
  public enum Ruling {
    /** They may go on. */
    GO_ON,
    /** They are to stop together after a step. */
    STOP,
    /** They are to leave their collectives. */
    ABORT,
    /** They are to be gone. */
    KILL
  }

  /** From asking ranks to stop until those that still step are called out of their collectives. */
  static final Duration STOPPING = Duration.ofSeconds(3);

  /** From there until they are killed. */
  static final Duration LEAVING = Duration.ofSeconds(3);

  private Optional<Long> until = Optional.empty();

  /**
   * A registration was answered.
   *
   * @param sentNanos when it was sent
   * @param lease zero for none
   */
  public void renewed(long sentNanos, Duration lease) {
    if (lease.isZero()) {
      until = Optional.empty();
      return;
    }
    long end = sentNanos + lease.toNanos();
    until = Optional.of(until.filter(u -> u - end > 0).orElse(end));
  }

  /** What the ranks may do at this time. */
  public Ruling rule(long nanoTime) {
    if (until.isEmpty()) {
      return Ruling.GO_ON;
    }
    long over = nanoTime - until.get();
    if (over < 0) {
      return Ruling.GO_ON;
    }
    return over < STOPPING.toNanos()
        ? Ruling.STOP
        : over < STOPPING.plus(LEAVING).toNanos() ? Ruling.ABORT : Ruling.KILL;
  }
}
