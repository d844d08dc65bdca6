package dev.trireme.allreduce.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * What one rank does in a collective, as several lists of steps that go on side by side: each lane
 * takes its steps in order, and gates order the lanes where they must be. So messages flow both
 * ways at once, and a rank passes the first segment on while it still receives the next.
 *
 * @param all the lanes; the operation is done when all are through
 */
public record Lanes(List<List<Step>> all) {
  /** Phases are numbered below this. */
  public static final int PHASES = 2;

  /** Gates are numbered below this. */
  public static final int GATES = 3;

  /** Copies the lists. */
  public Lanes {
    all = all.stream().map(List::copyOf).toList();
  }

  /**
   * What a plan in lanes is made for.
   *
   * @param rank this one
   * @param hosts of all ranks
   * @param placed whether the input of a rank lies in memory that its host's ranks can address
   * @param segment elements that travel as one piece where a rank passes on what it receives; the
   *     same on all ranks, at least 1
   */
  public record Setting(int rank, Hosts hosts, IntPredicate placed, long segment) {
    int worldSize() {
      return hosts.worldSize();
    }

    /** Whether {@code to} reads the input of {@code from} in place. */
    boolean reads(int from, int to) {
      return hosts.together(from, to) && placed.test(from);
    }

    /** The other ranks, in order. */
    List<Integer> others() {
      List<Integer> others = new ArrayList<>();
      for (int peer = 0; peer < worldSize(); peer++) {
        if (peer != rank) {
          others.add(peer);
        }
      }
      return others;
    }

    /** Cuts a range into segments. */
    List<Range> segments(long from, long count) {
      List<Range> ranges = new ArrayList<>();
      for (long at = 0; at < count; at += segment) {
        ranges.add(new Range(from + at, Math.min(segment, count - at)));
      }
      return ranges;
    }
  }

  /** A stretch of elements. */
  record Range(long from, long count) {}
}
