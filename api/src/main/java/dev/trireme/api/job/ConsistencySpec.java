package dev.trireme.api.job;

/**
 * How far the workers of a parameter server may be apart. A worker's <em>clock</em> is the last
 * step whose push it has had acknowledged.
 */
public sealed interface ConsistencySpec {
  /** Whether all workers are in every step, so that after it they hold the same values. */
  default boolean isLockstep() {
    return this instanceof Bsp bsp && bsp.drop() == 0;
  }

  /**
   * Bulk synchronous: a step is applied once, when the gradients of all workers are there, and
   * nobody begins the next before.
   *
   * @param drop with this many of the slowest workers left out of a step: Chen et al., "Revisiting
   *     distributed synchronous SGD" (2016)
   */
  @Variant(
      value = "bsp",
      doc = "A step is one update with the gradients of all workers.",
      shorthand = "drop")
  record Bsp(
      @Key(
              value = "The slowest workers that a step does not wait for.",
              defaultValue = "0",
              min = 0,
              max = 63)
          int drop)
      implements ConsistencySpec {}

  /**
   * Stale synchronous: each gradient is applied when it comes. Ho et al., "More effective
   * distributed ML via a stale synchronous parallel parameter server" (2013).
   *
   * @param staleness steps that a worker may be ahead of the slowest
   */
  @Variant(
      value = "ssp",
      doc = "Each gradient is applied as it comes; workers may be a few steps apart.",
      shorthand = "staleness")
  record Ssp(
      @Key(value = "Steps that a worker may be ahead of the slowest.", min = 0, max = 1_000_000)
          int staleness)
      implements ConsistencySpec {}

  /** Asynchronous: each gradient is applied when it comes and nobody waits. */
  @Variant(value = "asp", doc = "Each gradient is applied as it comes; nobody waits for others.")
  record Asp() implements ConsistencySpec {}
}
