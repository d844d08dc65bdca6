package dev.trireme.launcher.config;

import java.util.Locale;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes in powers of 1024, as jobs and command lines write them: 4k, 25m, 1g, or plain bytes. */
public final class ByteSizes {
  private static final Pattern SIZE = Pattern.compile("([0-9]{1,9})([kmg]?)");

  private ByteSizes() {}

  /** The bytes that {@code text} means; empty when it is no size. */
  public static OptionalLong parse(String text) {
    Matcher matcher = SIZE.matcher(text.toLowerCase(Locale.ROOT));
    return matcher.matches()
        ? OptionalLong.of(Long.parseLong(matcher.group(1)) << 10 * " kmg".indexOf(matcher.group(2)))
        : OptionalLong.empty();
  }

  /** As short as possible: 25m for 26214400. */
  public static String format(long bytes) {
    return Expected.size(bytes);
  }

  /** For people, rounded: 25.0 MiB, 12.3 KiB, 700 B. */
  public static String words(long bytes) {
    if (bytes < 1 << 10) {
      return bytes + " B";
    }
    String[] units = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = bytes;
    int unit = -1;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return String.format(Locale.ROOT, "%.1f %s", value, units[unit]);
  }
}
