package dev.trireme.coordinator.schedule;

import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import dev.trireme.coordinator.schedule.Scheduler.Situation;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The order in which waiting jobs have their turn: by priority; of one priority those first that
 * have waited for longer than {@link Scheduler#PATIENCE}, oldest first; then the user with the
 * smallest share of the cluster, what was given in this decision included; then who came first.
 * After each {@link #next}, {@link #given} must be called.
 *
 * <p>A user's share is the larger of that of all slots and that of all CUDA slots (dominant
 * resource fairness, Ghodsi et al., NSDI 2011).
 *
 * <p>Nothing is sorted: jobs come oldest first and are dealt out to their users' lines, O(jobs);
 * each turn costs O(log users), and whoever stops asking pays for no more.
 */
final class FairOrder {
  /** No user's name: the line of those that have waited too long is everybody's. */
  private static final String OVERDUE = "\0overdue";

  /** A user's turn at one priority: its key in the order while nothing is given to it. */
  private record Turn(long share, int first, String user) {}

  private static final Comparator<Turn> ORDER =
      Comparator.comparingLong(Turn::share).thenComparingInt(Turn::first);

  /** What a user has. */
  private static final class Usage {
    private long slots;
    private long cuda;
  }

  private final Map<String, Usage> usage = new HashMap<>();
  private final TreeMap<Integer, Map<String, Deque<Integer>>> levels =
      new TreeMap<>(Comparator.reverseOrder());
  private final TreeSet<Turn> turns = new TreeSet<>(ORDER);
  private final long slots;
  private final long cuda;
  private Map<String, Deque<Integer>> level = Map.of();
  private String line = "";

  FairOrder(Situation now) {
    slots = Math.max(1, now.agents().stream().mapToLong(AgentRoom::slots).sum());
    cuda = Math.max(1, now.agents().stream().mapToLong(AgentRoom::cudaSlots).sum());
    for (RunningJob job : now.running()) {
      job.held().forEach(held -> use(job.user(), held.slots(), held.cuda()));
    }
    for (int i = 0; i < now.queue().size(); i++) {
      WaitingJob job = now.queue().get(i);
      boolean overdue = now.millis() - job.acceptedMillis() > Scheduler.PATIENCE.toMillis();
      levels
          .computeIfAbsent(2 * job.priority() + (overdue ? 1 : 0), p -> new HashMap<>())
          .computeIfAbsent(overdue ? OVERDUE : job.user(), u -> new ArrayDeque<>())
          .add(i);
    }
  }

  private void use(String user, long moreSlots, long moreCuda) {
    Usage all = usage.computeIfAbsent(user, u -> new Usage());
    all.slots += moreSlots;
    all.cuda += moreCuda;
  }

  /** The place in the queue of the job whose turn it is; -1 after the last. */
  int next() {
    if (turns.isEmpty()) {
      Map.Entry<Integer, Map<String, Deque<Integer>>> highest = levels.pollFirstEntry();
      if (highest == null) {
        return -1;
      }
      level = highest.getValue();
      level.keySet().forEach(this::offer);
    }
    line = turns.pollFirst().user();
    return level.get(line).poll();
  }

  /** The job whose turn it was got so much, nothing when it has to wait. */
  void given(String user, int moreSlots, int moreCuda) {
    if (moreSlots > 0) {
      use(user, moreSlots, moreCuda);
    }
    offer(line);
  }

  private void offer(String user) {
    Integer first = level.get(user).peek();
    if (first != null) {
      turns.add(new Turn(user.equals(OVERDUE) ? 0 : share(user), first, user));
    }
  }

  private long share(String user) {
    Usage all = usage.get(user);
    return all == null ? 0 : Math.max(all.slots * 1_000_000 / slots, all.cuda * 1_000_000 / cuda);
  }
}
