package dev.trireme.coordinator.life;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/** What a job waits for, and until when, on the monotonic clock. */
final class Deadlines {
  /** A wait. */
  enum Wait {
    /** For every rank's contact, once one has come. */
    CONTACTS,
    /** For all ranks to be ready. */
    START,
    /** For the fact behind a complaint. */
    EVIDENCE,
    /** For agents to tell a new coordinator of their ranks. */
    REATTACH,
    /** For agents without ranks of the job to come to a new coordinator. */
    OTHERS,
    /** For the lease of an agent that is out of reach to be over, and a margin. */
    LEASE,
    /** For the survivors of a broken formation to leave it. */
    PARK,
    /** For the end of a back-off. */
    BACKOFF,
    /** For the last rank to finish. */
    FINISH,
    /** For a cancelled job to stop by itself. */
    CANCEL,
    /** For processes that were let go. */
    EXIT,
    /** For processes that are being killed. */
    KILL
  }

  private final Time time;
  private final Runnable changed;
  private final Map<Wait, Long> ends = new EnumMap<>(Wait.class);

  /**
   * @param changed run whenever {@link #next} may give something else
   */
  Deadlines(Time time, Runnable changed) {
    this.time = time;
    this.changed = changed;
  }

  /** Begins a wait; one that has begun already goes on. */
  void begin(Wait wait, Duration howLong) {
    if (ends.putIfAbsent(wait, time.nanos() + howLong.toNanos()) == null) {
      changed.run();
    }
  }

  /** Whether this is waited for. */
  boolean isOn(Wait wait) {
    return ends.containsKey(wait);
  }

  void end(Wait wait) {
    if (ends.remove(wait) != null) {
      changed.run();
    }
  }

  void endAll() {
    ends.clear();
    changed.run();
  }

  /**
   * Ends all that a formation is waited for; for agents that have yet to come to this coordinator
   * it is waited as before.
   */
  void endAllOfFormation() {
    ends.keySet().removeIf(wait -> wait != Wait.REATTACH);
    changed.run();
  }

  /** A wait that is over, which is thereby ended. */
  Optional<Wait> takeOver() {
    long now = time.nanos();
    Optional<Wait> over =
        ends.entrySet().stream()
            .filter(e -> e.getValue() - now <= 0)
            .map(Map.Entry::getKey)
            .findFirst();
    over.ifPresent(this::end);
    return over;
  }

  /** How long until the next is over; empty when nothing is waited for. */
  Optional<Duration> next() {
    long now = time.nanos();
    return ends.values().stream()
        .map(end -> Duration.ofNanos(Math.max(0, end - now)))
        .min(Duration::compareTo);
  }
}
