package dev.trireme.api.job;

/**
 * How a job waits for its slots in a cluster.
 *
 * @param priority more goes first, and may take slots from less
 * @param placing which of several hosts it prefers
 */
public record QueueSpec(
    @Key(
            value = "More goes first, and may preempt less, whose state is saved first.",
            defaultValue = "0",
            min = -1000,
            max = 1000)
        int priority,
    @Key(
            value =
                "Prefers the host with the fewest slots that suffice (pack) or with the most free"
                    + " (spread).",
            defaultValue = "pack")
        Placing placing) {
  /** The usual priority, packed. */
  public static final QueueSpec DEFAULT = new QueueSpec(0, Placing.PACK);

  /** Which host a job prefers. */
  public enum Placing {
    /** The one with the fewest free slots that suffice, so that large holes stay whole. */
    PACK,
    /** The one with the most, so that jobs share as little as they can. */
    SPREAD
  }
}
