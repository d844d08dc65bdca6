package dev.trireme.protocol;

/**
 * The authority of a command. Agents and ranks refuse anything lower than what they have obeyed.
 *
 * @param term of the coordinator that commands, at least 1, at most {@link #MAX}
 * @param generation of the formation it speaks to; 0 before the first, at most {@link #MAX}
 */
public record Stamp(long term, long generation) implements Comparable<Stamp> {
  /**
   * Far above what any cluster comes to in its life, and far below where counting on overflows: who
   * claims more is damaged or hostile.
   */
  public static final long MAX = 1L << 48;

  public Stamp {
    if (term < 1 || generation < 0 || term > MAX || generation > MAX) {
      throw new IllegalArgumentException(
          "no such stamp: term " + term + ", generation " + generation);
    }
  }

  /** By term first, then by generation. */
  @Override
  public int compareTo(Stamp other) {
    return term != other.term
        ? Long.compare(term, other.term)
        : Long.compare(generation, other.generation);
  }
}
