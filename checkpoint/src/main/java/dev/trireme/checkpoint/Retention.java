package dev.trireme.checkpoint;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/**
 * Which checkpoints to delete after a commit: a pure decision with a reason for each.
 *
 * <p>The newest whole ones stay, the one just committed always among them, and whatever is being
 * read. Only whole ones count, so that damage never costs a good one its place; a damaged one goes
 * once enough whole ones newer than it are there, and one that {@link Selection} would call
 * superseded goes at once. A checkpoint ahead of the one just committed is of another run or
 * another line of descent: it is neither counted nor touched, but named.
 *
 * @param keepNewest at least 1
 */
public record Retention(int keepNewest) {
  public Retention {
    if (keepNewest < 1) {
      throw new IllegalArgumentException("keepNewest is " + keepNewest + ", expected 1 or more");
    }
  }

  /**
   * A checkpoint as far as a glance shows.
   *
   * @param name of its directory
   * @param step by its name
   * @param generation by its manifest; -1 when it is not whole
   * @param whole whether its manifest can be read and its shards have their sizes
   */
  public record Stored(String name, long step, long generation, boolean whole) {}

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
   */
  public Decision decide(List<Stored> stored, Stored committed, Set<String> inUse) {
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
    List<Removal> removals = new ArrayList<>();
    int kept = 0;
    for (Stored one : newestFirst) {
      boolean superseded = newestFirst.stream().anyMatch(other -> supersedes(other, one));
      if (one.whole() && !superseded && kept < keepNewest) {
        kept++;
      } else if ((superseded || kept >= keepNewest) && !inUse.contains(one.name())) {
        removals.add(0, new Removal(one.name(), reason(one, superseded)));
      }
    }
    return new Decision(removals, ahead);
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
