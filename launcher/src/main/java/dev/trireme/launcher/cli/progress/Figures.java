package dev.trireme.launcher.cli.progress;

import dev.trireme.api.train.WireBytes;
import dev.trireme.launcher.config.ByteSizes;
import java.util.Locale;

/** Numbers as people read them; a dash where there is none. */
final class Figures {
  private static final String NONE = "-";

  private Figures() {}

  /** Four digits after the point, fewer or none for large ones: 0.0123, 12.35, 1.2e+10. */
  static String loss(double value) {
    if (Double.isNaN(value)) {
      return NONE;
    }
    String format = Math.abs(value) < 10 ? "%.4f" : Math.abs(value) < 1e6 ? "%.2f" : "%.2e";
    return String.format(Locale.ROOT, format, value);
  }

  static String rate(double perSecond) {
    if (!Double.isFinite(perSecond)) {
      return NONE;
    }
    return perSecond < 10
        ? String.format(Locale.ROOT, "%.1f", perSecond)
        : count(Math.round(perSecond));
  }

  static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  /** What each rank sends in a step, and where it is compressed, what part that is of the whole. */
  static String wire(WireBytes wire) {
    if (wire.plain() == 0) {
      return NONE;
    }
    String part =
        wire.sent() == wire.plain()
            ? ""
            : String.format(Locale.ROOT, ", %.1f %% of the gradients", 100 * wire.ratio());
    return ByteSizes.words(wire.sent()) + " a step from each rank" + part;
  }

  static String seconds(double seconds) {
    return Double.isFinite(seconds) ? String.format(Locale.ROOT, "%.1f", seconds) : NONE;
  }

  /** Minutes and seconds, hours before them where there are any: 0:07, 12:34, 3:05:00. */
  static String duration(double seconds) {
    if (!Double.isFinite(seconds) || seconds < 0) {
      return NONE;
    }
    long all = Math.round(seconds);
    long hours = all / 3600;
    long minutes = all / 60 % 60;
    return hours > 0
        ? String.format(Locale.ROOT, "%d:%02d:%02d", hours, minutes, all % 60)
        : String.format(Locale.ROOT, "%d:%02d", minutes, all % 60);
  }
}
