package dev.trireme.coordinator.rundir;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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
  private static final Pattern TEXT =
      Pattern.compile("(.+):([0-9]{1,18})\\.([0-9]{1,9})", Pattern.DOTALL);

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

  /** Reads {@link #text}; empty when it is none. */
  static Optional<Origin> parse(String text) {
    Matcher found = TEXT.matcher(text);
    if (!found.matches()) {
      return Optional.empty();
    }
    return Optional.of(
        new Origin(
            found.group(1), Long.parseLong(found.group(2)), Integer.parseInt(found.group(3))));
  }
}
