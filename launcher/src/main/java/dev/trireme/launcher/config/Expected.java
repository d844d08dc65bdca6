package dev.trireme.launcher.config;

import java.math.BigDecimal;
import java.util.Collection;

/** Says in words what a key takes, for errors. */
final class Expected {
  private static final String[] SIZE_UNITS = {"", "k", "m", "g"};

  private Expected() {}

  static String words(SpecType type) {
    if (type instanceof SpecType.Whole whole) {
      return whole.size() ? sizes(whole) : wholeNumbers(whole);
    }
    if (type instanceof SpecType.Real real) {
      return realNumbers(real);
    }
    if (type instanceof SpecType.Word word) {
      return oneOf(word.words().keySet());
    }
    if (type instanceof SpecType.OneOf choice) {
      return oneOf(choice.variants().keySet());
    }
    if (type instanceof SpecType.Keys keys) {
      return "keys (" + String.join(", ", keys.names()) + ")";
    }
    if (type instanceof SpecType.Workers) {
      return "a number from 1 to 4096, or \"min:max\" as \"1:4\"";
    }
    if (type instanceof SpecType.ListOf list) {
      return list.orFile() ? "a list, or the name of a file with it" : "a list";
    }
    return type instanceof SpecType.Flag ? "true or false" : "text";
  }

  static String oneOf(Collection<String> names) {
    return names.size() == 1
        ? "'" + names.iterator().next() + "'"
        : "one of " + String.join(", ", names);
  }

  private static String wholeNumbers(SpecType.Whole whole) {
    long highest = whole.wide() ? Long.MAX_VALUE : Integer.MAX_VALUE;
    long lowest = whole.wide() ? Long.MIN_VALUE : Integer.MIN_VALUE;
    if (whole.max() < highest) {
      return "a whole number from " + whole.min() + " to " + whole.max();
    }
    return whole.min() > lowest ? "a whole number of at least " + whole.min() : "a whole number";
  }

  private static String sizes(SpecType.Whole whole) {
    return "a size from "
        + size(whole.min())
        + " to "
        + size(whole.max())
        + ", as 4k, 25m or 1g"
        + (whole.auto() ? ", or " + SpecType.Whole.AUTO : "");
  }

  private static String realNumbers(SpecType.Real real) {
    boolean bounded = real.max() != Double.POSITIVE_INFINITY;
    if (real.min() == Double.NEGATIVE_INFINITY) {
      return bounded ? "a number of at most " + number(real.max()) : "a number";
    }
    if (real.exclusiveMin()) {
      String above = "a number above " + number(real.min());
      return bounded ? above + " and at most " + number(real.max()) : above;
    }
    return bounded
        ? "a number from " + number(real.min()) + " to " + number(real.max())
        : "a number of at least " + number(real.min());
  }

  /** The shortest way to write a number that reads back as the same one: 0.01, 1e-8, 60. */
  static String number(double value) {
    BigDecimal decimal = BigDecimal.valueOf(value).stripTrailingZeros();
    boolean plain = decimal.scale() <= 6 && decimal.precision() - decimal.scale() <= 9;
    return plain
        ? decimal.toPlainString()
        : decimal.toString().replace("E+", "e").replace("E", "e");
  }

  /** A number of bytes with the largest unit that divides it: 25m, 1536. */
  static String size(long bytes) {
    int unit = 0;
    long count = bytes;
    while (unit < SIZE_UNITS.length - 1 && count != 0 && count % 1024 == 0) {
      count /= 1024;
      unit++;
    }
    return count + SIZE_UNITS[unit];
  }
}
