package dev.trireme.coordinator.rundir;

/**
 * What an agent said that made something happen, as the lines of a run's files name it: {@code
 * agent/incarnation:number.part}. A coordinator that takes over reads there what its predecessor
 * has recorded, so that what it is told once more is not recorded twice.
 *
 * @param source the agent and its incarnation
 * @param number of what it said, at least 1
 * @param part of what came of it, from 0
 */
public record Origin(String source, long number, int part) {
  /** The first thing that comes of it. */
  public Origin(String source, long number) {
    this(source, number, 0);
  }

  /** The next thing that comes of it. */
  public Origin next() {
    return new Origin(source, number, part + 1);
  }

  /** Whether it happened after another of the same source. */
  boolean isAfter(Origin other) {
    return number != other.number ? number > other.number : part > other.part;
  }

  String text() {
    return source + ":" + number + "." + part;
  }

  /**
   * Reads {@link #text}.
   *
   * @throws IllegalArgumentException when it is none
   */
  static Origin parse(String text) {
    int colon = text.lastIndexOf(':');
    int dot = text.lastIndexOf('.');
    if (colon < 1 || dot < colon) {
      throw new IllegalArgumentException("expected agent/incarnation:number.part, found " + text);
    }
    return new Origin(
        text.substring(0, colon),
        Long.parseLong(text.substring(colon + 1, dot)),
        Integer.parseInt(text.substring(dot + 1)));
  }
}
