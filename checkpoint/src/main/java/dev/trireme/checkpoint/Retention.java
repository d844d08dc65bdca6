package dev.trireme.checkpoint;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Which checkpoints to delete after a commit: a pure decision with a reason for each.
 *
 * <p>The newest whole ones stay, the one just committed always among them, and so do those of every
 * so many steps, and whatever is being read. Only whole ones count, so that damage never costs a
 * good one its place; a damaged one goes once enough whole ones newer than it are there, and one
 * that {@link Selection} would call superseded goes at once. Where all together are still too
 * large, the oldest go, but never the one just committed nor one that is kept for good. A
 * checkpoint ahead of the one just committed is of another run or another line of descent: it is
 * neither counted nor touched, but named.
 *
 * @param keepNewest at least 1
 * @param keepEvery the checkpoints of steps that are a multiple of it are kept for good; at least 1
 * @param maxBytes of all of them together; at least 1
 */
public record Retention(int keepNewest, OptionalLong keepEvery, OptionalLong maxBytes) {
  public Retention {
    if (keepNewest < 1) {
      throw new IllegalArgumentException("keepNewest is " + keepNewest + ", expected 1 or more");
    }
    if (keepEvery.orElse(1) < 1 || maxBytes.orElse(1) < 1) {
      throw new IllegalArgumentException(
          "keepEvery is " + keepEvery + " and maxBytes is " + maxBytes + ", expected 1 or more");
    }
  }

  /** Only the newest are kept, whatever their size. */
  public static Retention newest(int keepNewest) {
    return new Retention(keepNewest, OptionalLong.empty(), OptionalLong.empty());
  }

  /**
   * A checkpoint as far as a glance shows.
   *
   * @param name of its directory
   * @param step by its name
   * @param generation by its manifest; -1 when it is not whole
   * @param whole whether its manifest can be read and its shards have their sizes
   * @param bytes of its shards; 0 when it is not whole
   */
  public record Stored(String name, long step, long generation, boolean whole, long bytes) {}

  /**
   * One to delete.
   *
   * @param name of its directory
   * @param reason for a person
   */
  public record Removal(String name, String reason) {}

  /**
   * What to do.
   *
   * @param removals in the order to do them, oldest first
   * @param ahead names of those that lie ahead of the one just committed
   */
  public record Decision(List<Removal> removals, List<String> ahead) {
    public Decision {
      removals = List.copyOf(removals);
      ahead = List.copyOf(ahead);
    }
  }

  /**
   * Decides.
   *
   * @param stored all that is there
   * @param committed the one just committed, which is among them
   * @param inUse names that are being read
   * @param lineage as far as it is known
   */
  public Decision decide(
      List<Stored> stored, Stored committed, Set<String> inUse, Lineage lineage) {
    List<String> ahead = new ArrayList<>();
    List<Stored> newestFirst = new ArrayList<>();
    for (Stored one : stored) {
      if (one.step() > committed.step() || one.generation() > committed.generation()) {
        ahead.add(one.name());
      } else {
        newestFirst.add(one);
      }
    }
    newestFirst.sort(
        Comparator.comparingLong(Stored::step)
            .thenComparingLong(Stored::generation)
            .reversed()
            .thenComparing(Stored::name));
    Map<Stored, String> removals = new LinkedHashMap<>();
    int kept = 0;
    for (Stored one : newestFirst) {
      boolean superseded =
          (one.whole() && lineage.supersededBy(one.generation(), one.step()).isPresent())
              || newestFirst.stream().anyMatch(other -> supersedes(other, one));
      if (one.whole() && !superseded && kept < keepNewest) {
        kept++;
      } else if (superseded || (kept >= keepNewest && !isForGood(one))) {
        removals.put(one, reason(one, superseded));
      }
    }
    fitSize(newestFirst, committed, removals);
    List<Removal> oldestFirst = new ArrayList<>();
    for (Stored one : newestFirst) {
      if (removals.containsKey(one) && !inUse.contains(one.name())) {
        oldestFirst.add(0, new Removal(one.name(), removals.get(one)));
      }
    }
    return new Decision(oldestFirst, ahead);
  }

  /**
   * Whether a checkpoint can be added without breaking the limit for good: beside it only those
   * that are kept for good must fit, for all others would make room once it is committed.
   *
   * @param stored all that is there
   * @param step of the new one, whose place another of the same step would give up
   * @param bytes of the new one, all ranks' shards together
   * @return the refusal, for a person
   */
  public Optional<String> refusal(List<Stored> stored, long step, long bytes) {
    long forGood =
        stored.stream()
            .filter(one -> one.step() < step && one.whole() && isForGood(one))
            .mapToLong(Stored::bytes)
            .sum();
    if (maxBytes.isEmpty() || forGood + bytes <= maxBytes.getAsLong()) {
      return Optional.empty();
    }
    return Optional.of(
        "this one has "
            + bytes
            + " bytes and those kept for good by checkpoint.keepEvery have "
            + forGood
            + ", together more than checkpoint.maxSize, which is "
            + maxBytes.getAsLong()
            + "; raise it, or raise keepEvery and delete some");
  }

  private boolean isForGood(Stored one) {
    return one.whole() && keepEvery.isPresent() && one.step() % keepEvery.getAsLong() == 0;
  }

  /** Adds removals, oldest first, until what stays fits. */
  private void fitSize(List<Stored> newestFirst, Stored committed, Map<Stored, String> removals) {
    if (maxBytes.isEmpty()) {
      return;
    }
    long total =
        newestFirst.stream()
            .filter(one -> !removals.containsKey(one))
            .mapToLong(Stored::bytes)
            .sum();
    for (int i = newestFirst.size() - 1; i >= 0 && total > maxBytes.getAsLong(); i--) {
      Stored oldest = newestFirst.get(i);
      boolean stays = oldest.name().equals(committed.name()) || isForGood(oldest);
      if (!stays && !removals.containsKey(oldest)) {
        removals.put(
            oldest, "all together are larger than checkpoint.maxSize, " + maxBytes.getAsLong());
        total -= oldest.bytes();
      }
    }
  }

  private static boolean supersedes(Stored later, Stored earlier) {
    return later.whole()
        && earlier.whole()
        && later.generation() > earlier.generation()
        && later.step() <= earlier.step();
  }

  private String reason(Stored one, boolean superseded) {
    if (superseded) {
      return "superseded by a later generation";
    }
    return one.whole()
        ? "older than the " + keepNewest + " newest"
        : "not whole, and older than the " + keepNewest + " newest whole ones";
  }
}
