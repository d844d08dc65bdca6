package dev.trireme.launcher.cli.progress;

import dev.trireme.api.train.WireBytes;
import dev.trireme.launcher.cli.Table;
import java.util.Locale;
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
  private static final String STALENESS = "staleness.";
  private static final int STALENESS_CLASSES = 5;

  public RunSummary {
    metrics = Map.copyOf(metrics);
  }

  /** A line for each figure. */
  @Override
  public String toString() {
    Table table = new Table("ll").row("job", job).row("state", state);
    new TreeMap<>(metrics)
        .forEach(
            (name, value) -> {
              if (!name.startsWith(STALENESS)) {
                table.row(name, Figures.loss(value));
              }
            });
    if (metrics.keySet().stream().anyMatch(name -> name.startsWith(STALENESS))) {
      table.row("staleness", staleness());
    }
    return table
        .row("steps", Figures.count(steps))
        .row("ranks", String.valueOf(workers))
        .row("samples/s", Figures.rate(samplesPerSecond))
        .row("sent", Figures.wire(wire))
        .row("time", Figures.duration(wallSeconds))
        .row("files", runDirectory)
        .toString();
  }

  /** The distribution of reads by the steps that the slowest worker was behind, in percent. */
  private String staleness() {
    double[] classes = new double[STALENESS_CLASSES + 1];
    double reads = 0;
    for (Map.Entry<String, Double> metric : metrics.entrySet()) {
      if (metric.getKey().startsWith(STALENESS)) {
        int steps = Integer.parseInt(metric.getKey().substring(STALENESS.length()));
        classes[Math.min(steps, STALENESS_CLASSES)] += metric.getValue();
        reads += metric.getValue();
      }
    }
    StringBuilder text = new StringBuilder();
    for (int steps = 0; steps <= STALENESS_CLASSES; steps++) {
      if (classes[steps] > 0) {
        text.append(text.length() == 0 ? "" : ", ").append(steps);
        text.append(steps == STALENESS_CLASSES ? " or more: " : ": ");
        text.append(String.format(Locale.ROOT, "%.1f %%", 100 * classes[steps] / reads));
      }
    }
    return text.toString();
  }
}
