package dev.trireme.launcher.cli.progress;

import dev.trireme.api.train.WireBytes;
import dev.trireme.launcher.cli.Table;
import java.util.Map;
import java.util.TreeMap;

/**
 * How a job ended.
 *
 * @param job its name
 * @param state as in result.json, {@code SUCCEEDED} and so on
 * @param steps committed
 * @param workers it ended with
 * @param samplesPerSecond over the whole run; NaN when it was too short to say
 * @param wire what each rank sent of gradients in a step
 * @param metrics final figures by name
 * @param wallSeconds from its start to its end
 * @param runDirectory where everything about it lies
 */
public record RunSummary(
    String job,
    String state,
    long steps,
    int workers,
    double samplesPerSecond,
    WireBytes wire,
    Map<String, Double> metrics,
    double wallSeconds,
    String runDirectory) {
  public RunSummary {
    metrics = Map.copyOf(metrics);
  }

  /** A line for each figure. */
  @Override
  public String toString() {
    Table table = new Table("ll").row("job", job).row("state", state);
    new TreeMap<>(metrics).forEach((name, value) -> table.row(name, Figures.loss(value)));
    return table
        .row("steps", Figures.count(steps))
        .row("ranks", String.valueOf(workers))
        .row("samples/s", Figures.rate(samplesPerSecond))
        .row("sent", Figures.wire(wire))
        .row("time", Figures.duration(wallSeconds))
        .row("files", runDirectory)
        .toString();
  }
}
