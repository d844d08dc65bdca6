package dev.trireme.launcher.cli.progress;

import java.util.List;
import java.util.Locale;

/** The words and widths of progress; pure. */
final class ProgressText {
  private static final int NARROWEST_BAR = 8;
  private static final int WIDEST_BAR = 30;
  private static final String ROW = "%5s  %10s  %10s  %8s  %8s";

  private ProgressText() {}

  /**
   * All there is to say.
   *
   * @param secondsLeft NaN when unknown
   */
  static String line(RunPlan plan, StepView view, double secondsLeft) {
    return String.join("  ", parts(plan, view, secondsLeft));
  }

  /**
   * A line of at most this many characters: the parts that fit, the most telling ones first, and a
   * bar where there is room for one.
   */
  static String line(RunPlan plan, StepView view, double secondsLeft, int width) {
    StringBuilder line = new StringBuilder();
    for (String part : parts(plan, view, secondsLeft)) {
      int more = (line.isEmpty() ? 0 : 2) + part.length();
      if (line.length() + more > width) {
        return line.isEmpty() ? part.substring(0, width) : line.toString();
      }
      line.append(line.isEmpty() ? "" : "  ").append(part);
    }
    int room = Math.min(WIDEST_BAR, width - line.length() - 4);
    if (room >= NARROWEST_BAR) {
      line.append("  ").append(bar((double) view.step() / plan.totalSteps(), room));
    }
    return line.toString();
  }

  private static List<String> parts(RunPlan plan, StepView view, double secondsLeft) {
    return List.of(
        "step " + Figures.count(view.step()) + "/" + Figures.count(plan.totalSteps()),
        "epoch " + view.epoch() + "/" + plan.epochs(),
        "loss " + Figures.loss(view.loss()),
        Figures.rate(view.samplesPerSecond()) + " samples/s",
        Figures.duration(secondsLeft) + " left");
  }

  private static String bar(double done, int width) {
    int full = (int) Math.round(Math.max(0, Math.min(1, done)) * width);
    return "[" + "=".repeat(full) + " ".repeat(width - full) + "]";
  }

  static String epochHeader() {
    return String.format(
        Locale.ROOT, ROW, "epoch", "train loss", "eval loss", "accuracy", "seconds");
  }

  static String epoch(EpochRow row) {
    return String.format(
        Locale.ROOT,
        ROW,
        row.epoch(),
        Figures.loss(row.trainLoss()),
        Figures.loss(row.evalLoss()),
        Figures.loss(row.accuracy()),
        Figures.seconds(row.seconds()));
  }
}
