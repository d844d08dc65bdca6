package dev.trireme.launcher.cli.chaos;

import dev.trireme.protocol.HarmKind;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;

/**
 * When to harm whom how: pure, and the same for the same seed. The waits are drawn evenly from half
 * to one and a half times {@code every}, so that they hit a step at any phase and are {@code every}
 * in the mean.
 *
 * @param seed of all draws
 * @param every mean time from one harm to the next; absent for a single one
 * @param rank whom; drawn anew each time when absent
 * @param kinds drawn from each time; not empty
 */
record ChaosPlan(long seed, Optional<Duration> every, OptionalInt rank, List<HarmKind> kinds) {
  ChaosPlan {
    kinds = List.copyOf(kinds);
  }

  /** A draw for one harm. */
  private Random random(int number) {
    // The first draws of neighbouring seeds of this generator are alike: mix them.
    return new Random((seed * 0x9E3779B97F4A7C15L) ^ (number * 0xBF58476D1CE4E5B9L));
  }

  /**
   * How long after the harm before, or after the begin, this one is done.
   *
   * @param number from 0
   */
  Duration wait(int number) {
    if (every.isEmpty()) {
      return Duration.ZERO;
    }
    double factor = 0.5 + random(number).nextDouble();
    return Duration.ofMillis((long) (every.get().toMillis() * factor));
  }

  /**
   * Which rank.
   *
   * @param number from 0
   * @param worldSize ranks there are, at least 1
   */
  int rank(int number, int worldSize) {
    Random random = random(number);
    random.nextDouble();
    return rank.orElseGet(() -> random.nextInt(worldSize));
  }

  /**
   * What.
   *
   * @param number from 0
   */
  HarmKind kind(int number) {
    Random random = random(number);
    random.nextDouble();
    random.nextInt();
    return kinds.get(random.nextInt(kinds.size()));
  }
}
