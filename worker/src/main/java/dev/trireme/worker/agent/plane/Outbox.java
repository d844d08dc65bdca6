package dev.trireme.worker.agent.plane;

import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.Inventory;
import dev.trireme.protocol.AgentToCoordinator.LeaseOver;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RankThere;
import dev.trireme.protocol.AgentToCoordinator.RanksRefused;
import dev.trireme.protocol.AgentToCoordinator.Said;
import dev.trireme.protocol.AgentToCoordinator.SparesReady;
import dev.trireme.protocol.RankReport;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What an agent has to say to coordinators, whoever is active and whether or not anybody is.
 *
 * <p>Everything is numbered and kept until a coordinator has recorded it, so that it is neither
 * lost with a coordinator nor taken in twice. What tells how a rank stands (that it was started, is
 * ready, has left or finished, is gone) is kept beyond that, the newest of each kind: a coordinator
 * that takes over is told all of it again, in the order in which it happened, then what nobody has
 * recorded, and the {@link Inventory} of who is there. So it learns what its predecessor knew by
 * the same words.
 *
 * <p>At most {@value #MOST} messages are kept; beyond that reports of progress are given up, the
 * oldest first. A lease ends the ranks' work long before.
 *
 * <p>Pure: it knows no clock and no network. Cost: linear in what is kept, for each message of a
 * new kind. Threading: one thread.
 */
public final class Outbox {
  private static final Logger LOG = LoggerFactory.getLogger(Outbox.class);

  /** Messages that are kept. */
  static final int MOST = 8192;

  /** Jobs of which the last word is kept. */
  static final int MOST_JOBS = 256;

  /** Shards of a rank that are kept. */
  static final int MOST_SHARDS = 16;

  private static final String SHARD = RankReport.ShardWritten.class.getSimpleName();

  /** Messages on their way at once. */
  private static final int WINDOW = 256;

  /** What is not answered for so long is said again. */
  private static final long AGAIN_NANOS = TimeUnit.SECONDS.toNanos(3);

  /** What a later message of the same kind makes void. */
  private record Kind(String jobId, long generation, int rank, String kind) {}

  private static final class Entry {
    private final AgentToCoordinator message;
    private final Optional<Kind> kind;
    private boolean heard;

    private Entry(AgentToCoordinator message, Optional<Kind> kind) {
      this.message = message;
      this.kind = kind;
    }
  }

  private final String agentId;
  private final String incarnation;
  private final TreeMap<Long, Entry> kept = new TreeMap<>();
  private final Map<Kind, Long> newest = new HashMap<>();

  /** Those that have had ranks here; the one that has had none for longest first. */
  private final LinkedHashSet<String> jobs = new LinkedHashSet<>();

  /** By rank, the steps of which it has written shards; the oldest first. */
  private final Map<Kind, Deque<Long>> shards = new HashMap<>();

  private long last;
  private Optional<String> coordinator = Optional.empty();
  private long said;
  private long heard;
  private long progressAt;
  private boolean givesUp;

  /**
   * @param incarnation tells this run of the agent from others under its name
   */
  public Outbox(String agentId, String incarnation) {
    this.agentId = agentId;
    this.incarnation = incarnation;
  }

  /** Takes in what is to be said. */
  public void add(AgentToCoordinator message) {
    if (message instanceof RankStarted started) {
      began(started.jobId(), started.generation());
    } else if (message instanceof RanksRefused refused) {
      refused(refused.jobId(), refused.generation());
    }
    Optional<Kind> kind = kindOf(message);
    long number = ++last;
    kept.put(number, new Entry(message, kind));
    kind.ifPresent(
        k -> {
          Long before = newest.put(k, number);
          if (before != null) {
            removeIfDone(before);
          }
        });
    if (message instanceof FromRank m && m.report() instanceof RankReport.ShardWritten shard) {
      shardWritten(m, shard.step());
    }
    if (kept.size() > MOST) {
      giveUpProgress();
    }
  }

  /** Checkpoints of long ago have been granted, or never will be. */
  private void shardWritten(FromRank from, long step) {
    Deque<Long> steps =
        shards.computeIfAbsent(
            new Kind(from.jobId(), from.generation(), from.rank(), SHARD), k -> new ArrayDeque<>());
    steps.add(step);
    if (steps.size() > MOST_SHARDS) {
      String oldest = SHARD + steps.remove();
      forget(new Kind(from.jobId(), from.generation(), from.rank(), oldest)::equals);
    }
  }

  /** Whatever there was of older formations of the job, or of a job of long ago, is void. */
  private void began(String jobId, long generation) {
    forget(k -> k.jobId().equals(jobId) && k.generation() < generation);
    touched(jobId);
  }

  /** As {@link #began}, but for the ranks that are there: who is to survive waits as it was. */
  private void refused(String jobId, long generation) {
    Set<RankThere> there = Set.copyOf(ranks());
    forget(
        k ->
            k.jobId().equals(jobId)
                && k.generation() < generation
                && !there.contains(new RankThere(jobId, k.generation(), k.rank())));
    touched(jobId);
  }

  private void touched(String jobId) {
    jobs.remove(jobId);
    jobs.add(jobId);
    if (jobs.size() > MOST_JOBS) {
      String oldest = jobs.iterator().next();
      jobs.remove(oldest);
      forget(k -> k.jobId().equals(oldest));
    }
  }

  private void forget(Predicate<Kind> which) {
    shards.keySet().removeIf(which);
    List<Kind> gone = newest.keySet().stream().filter(which).toList();
    for (Kind kind : gone) {
      removeIfDone(newest.remove(kind));
    }
  }

  /** A message that is not the newest of its kind goes once a coordinator has it. */
  private void removeIfDone(long number) {
    Entry entry = kept.get(number);
    if (entry != null
        && entry.heard
        && entry.kind.filter(k -> newest.getOrDefault(k, -1L) == number).isEmpty()) {
      kept.remove(number);
    }
  }

  private void giveUpProgress() {
    Optional<Long> oldest =
        kept.entrySet().stream()
            .filter(e -> e.getKey() != last && isProgress(e.getValue().message))
            .map(Map.Entry::getKey)
            .findFirst();
    long number = oldest.orElse(kept.firstKey());
    if (!givesUp) {
      givesUp = true;
      LOG.error(
          "no coordinator has heard this agent for long: gives up a {}, and more like it from now",
          kept.get(number).message.getClass().getSimpleName());
    }
    kept.remove(number);
  }

  private static boolean isProgress(AgentToCoordinator message) {
    return message instanceof FromRank report && report.report() instanceof RankReport.Committed;
  }

  /** What a later message of the same kind makes void; empty for what counts each time. */
  private static Optional<Kind> kindOf(AgentToCoordinator message) {
    if (message instanceof RankStarted m) {
      return Optional.of(new Kind(m.jobId(), m.generation(), m.rank(), "started"));
    } else if (message instanceof RankExited m) {
      return Optional.of(new Kind(m.jobId(), m.generation(), m.rank(), "exited"));
    } else if (message instanceof RanksRefused m) {
      return Optional.of(new Kind(m.jobId(), m.generation(), -1, "refused"));
    } else if (message instanceof LeaseOver m) {
      return Optional.of(new Kind(m.jobId(), m.generation(), -1, "lease"));
    } else if (message instanceof SparesReady m) {
      return Optional.of(new Kind(m.jobId(), Long.MAX_VALUE, -1, "spares"));
    } else if (message instanceof FromRank m && tellsHowItStands(m.report())) {
      String kind = m.report().getClass().getSimpleName();
      if (m.report() instanceof RankReport.ShardWritten shard) {
        // Of several, for a coordinator grants a checkpoint once it has heard of all its shards.
        kind += shard.step();
      }
      return Optional.of(new Kind(m.jobId(), m.generation(), m.rank(), kind));
    }
    return Optional.empty();
  }

  private static boolean tellsHowItStands(RankReport report) {
    return report instanceof RankReport.Contact
        || report instanceof RankReport.Ready
        || report instanceof RankReport.Committed
        || report instanceof RankReport.ShardWritten
        || report instanceof RankReport.BackendRefused
        || report instanceof RankReport.Parked
        || report instanceof RankReport.Finished
        || report instanceof RankReport.Failed;
  }

  /** A coordinator has accepted the agent: one that is another than before is told everything. */
  public void accepted(String coordinatorId, long nanoTime) {
    if (coordinator.filter(coordinatorId::equals).isPresent()) {
      return;
    }
    coordinator = Optional.of(coordinatorId);
    said = 0;
    heard = 0;
    progressAt = nanoTime;
    kept.values().removeIf(e -> e.message instanceof Inventory);
    add(new Inventory(agentId, ranks()));
  }

  /** The ranks that have been started and are not gone. */
  public List<RankThere> ranks() {
    List<RankThere> there = new ArrayList<>();
    newest.keySet().stream()
        .filter(k -> k.kind().equals("started"))
        .filter(k -> !newest.containsKey(new Kind(k.jobId(), k.generation(), k.rank(), "exited")))
        .sorted(
            Comparator.comparing(Kind::jobId)
                .thenComparing(Kind::generation)
                .thenComparing(Kind::rank))
        .forEach(k -> there.add(new RankThere(k.jobId(), k.generation(), k.rank())));
    return List.copyOf(there);
  }

  /** Whether a rank has said that it has left its formation's collectives. */
  public boolean isOut(RankThere rank) {
    return List.of("Parked", "Finished", "Failed").stream()
        .anyMatch(
            kind ->
                newest.containsKey(new Kind(rank.jobId(), rank.generation(), rank.rank(), kind)));
  }

  /** What is to be sent now, in order. */
  public List<Said> due(long nanoTime) {
    if (coordinator.isEmpty()) {
      return List.of();
    }
    if (said > heard && nanoTime - progressAt > AGAIN_NANOS) {
      said = heard;
      progressAt = nanoTime;
    }
    if (said == heard) {
      progressAt = nanoTime;
    }
    List<Said> due = new ArrayList<>();
    int room = WINDOW - kept.subMap(heard, false, Math.max(heard, said), true).size();
    for (Map.Entry<Long, Entry> e : kept.tailMap(said, false).entrySet()) {
      if (due.size() >= room) {
        break;
      }
      due.add(new Said(agentId, incarnation, said, e.getKey(), e.getValue().message));
      said = e.getKey();
    }
    return due;
  }

  /** A coordinator has recorded everything up to this number. */
  public void heard(long number, long nanoTime) {
    if (number == heard || number > last) {
      return;
    }
    if (number < heard) {
      // It was another that had heard more: what this one lacks is said again.
      heard = number;
      said = number;
      progressAt = nanoTime;
      return;
    }
    heard = number;
    givesUp = false;
    said = Math.max(said, heard);
    progressAt = nanoTime;
    List<Long> done = new ArrayList<>();
    kept.headMap(number, true)
        .forEach(
            (n, entry) -> {
              entry.heard = true;
              done.add(n);
            });
    done.forEach(this::removeIfDone);
  }

  /** How many messages are kept. */
  int size() {
    return kept.size();
  }

  /** How many of them no coordinator has recorded. */
  int unheard() {
    Collection<Entry> all = kept.values();
    return (int) all.stream().filter(e -> !e.heard).count();
  }
}
