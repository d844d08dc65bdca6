package dev.trireme.coordinator.schedule;

import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import dev.trireme.coordinator.schedule.Scheduler.WaitingJob;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The order in which waiting jobs have their turn: by priority, then the user who has the fewest
 * slots, what was given in this decision included, then who came first. After each {@link #next},
 * {@link #given} must be called.
 */
final class FairOrder {
  /** A user's turn at one priority: its key in the order while nothing is given to it. */
  private record Turn(int slots, int first, String user) {}

  private static final Comparator<Turn> ORDER =
      Comparator.comparingInt(Turn::slots).thenComparingInt(Turn::first);

  private final Map<String, Integer> usage;
  private final TreeMap<Integer, Map<String, Deque<Integer>>> levels =
      new TreeMap<>(Comparator.reverseOrder());
  private final TreeSet<Turn> turns = new TreeSet<>(ORDER);
  private Map<String, Deque<Integer>> level = Map.of();

  FairOrder(List<WaitingJob> queue, List<RunningJob> running) {
    usage = Scheduler.usage(running);
    for (int i = 0; i < queue.size(); i++) {
      WaitingJob job = queue.get(i);
      levels
          .computeIfAbsent(job.priority(), p -> new HashMap<>())
          .computeIfAbsent(job.user(), u -> new ArrayDeque<>())
          .add(i);
    }
  }

  /** The place in the queue of the job whose turn it is; empty after the last. */
  Optional<Integer> next() {
    if (turns.isEmpty()) {
      Map.Entry<Integer, Map<String, Deque<Integer>>> highest = levels.pollFirstEntry();
      if (highest == null) {
        return Optional.empty();
      }
      level = highest.getValue();
      level.keySet().forEach(this::offer);
    }
    return Optional.of(level.get(turns.pollFirst().user()).poll());
  }

  /** The job whose turn it was got this many slots, 0 when it has to wait. */
  void given(String user, int slots) {
    usage.merge(user, slots, Integer::sum);
    offer(user);
  }

  private void offer(String user) {
    Integer first = level.get(user).peek();
    if (first != null) {
      turns.add(new Turn(usage.getOrDefault(user, 0), first, user));
    }
  }
}
