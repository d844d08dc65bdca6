package dev.trireme.api.job;

/**
 * What becomes of a job when ranks die. Each recovery from a failure is a restart, however many
 * ranks were lost at once; a job that shrinks or grows on request restarts nothing.
 *
 * @param maxRestarts restarts within {@code windowSeconds} that a job may take; with 0 the first
 *     failure ends it
 * @param windowSeconds how far back failures count
 * @param maxFruitlessRestarts restarts in a row between which no step was committed; what fails
 *     each time before it gets anywhere is given up sooner
 * @param backoffSeconds waited before the second fruitless restart in a row, doubled with each
 *     further one; the first restart never waits
 * @param maxBackoffSeconds the longest such wait
 * @param excludeHostAfter failures of one host within the window after which no new rank is started
 *     there while another host has joined; 0 for never
 */
public record FailurePolicySpec(
    @Key(
            value =
                "Restarts within the window that a job may take; with 0 the first failure ends it.",
            defaultValue = "20",
            min = 0,
            max = 1000)
        int maxRestarts,
    @Key(value = "Seconds back that failures count.", defaultValue = "600", min = 1, max = 604800)
        double windowSeconds,
    @Key(
            value =
                "Restarts in a row, without a committed step between them, that a job may take.",
            defaultValue = "3",
            min = 0,
            max = 1000)
        int maxFruitlessRestarts,
    @Key(
            value =
                "Seconds before the second fruitless restart in a row, doubled with each further"
                    + " one.",
            defaultValue = "1",
            min = 0,
            max = 3600)
        double backoffSeconds,
    @Key(value = "The longest such wait.", defaultValue = "60", min = 0, max = 3600)
        double maxBackoffSeconds,
    @Key(
            value =
                "Failures of one host within the window after which it gets no new ranks while"
                    + " another host has joined; 0 for never.",
            defaultValue = "3",
            min = 0,
            max = 1000)
        int excludeHostAfter) {
  /** What a job gets that says nothing. */
  public static final FailurePolicySpec DEFAULT = new FailurePolicySpec(20, 600, 3, 1, 60, 3);
}
