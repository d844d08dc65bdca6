package dev.trireme.coordinator.control;

import dev.trireme.coordinator.life.Time;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/**
 * When which job's wait is over. It is asked after every message of every rank, while nearly all
 * jobs wait in the queue and for no moment: so what is known of them is kept in order of time.
 *
 * <p>Cost: O(log jobs that wait for a moment) to change one, O(1) to know the next.
 *
 * <p>Threading: one thread.
 */
final class Alarms {
  /** Moments are counted from when this was made, for the clock itself may pass the last number. */
  private record Alarm(long moment, long job) {}

  private final Time time;
  private final long start;
  private final TreeSet<Alarm> order =
      new TreeSet<>(Comparator.comparingLong(Alarm::moment).thenComparingLong(Alarm::job));
  private final Map<Long, Alarm> alarms = new HashMap<>();

  Alarms(Time time) {
    this.time = time;
    this.start = time.nanos();
  }

  /**
   * A job waits so long from now on, whatever it waited for before.
   *
   * @param wait empty when it waits for no moment
   */
  void set(long job, Optional<Duration> wait) {
    Alarm before = alarms.remove(job);
    if (before != null) {
      order.remove(before);
    }
    if (wait.isPresent()) {
      Alarm alarm = new Alarm(now() + wait.get().toNanos(), job);
      alarms.put(job, alarm);
      order.add(alarm);
    }
  }

  private long now() {
    return time.nanos() - start;
  }

  /** How long until the next one is over; empty when none is waited for. */
  Optional<Duration> next() {
    return order.isEmpty()
        ? Optional.empty()
        : Optional.of(Duration.ofNanos(Math.max(0, order.first().moment() - now())));
  }

  /** Jobs whose waits are over; they stay so until they are set anew. */
  List<Long> due() {
    return order.headSet(new Alarm(now(), Long.MAX_VALUE), true).stream().map(Alarm::job).toList();
  }
}
