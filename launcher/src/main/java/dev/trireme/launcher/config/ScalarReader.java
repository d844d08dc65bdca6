package dev.trireme.launcher.config;

import dev.trireme.api.job.SpecException;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.launcher.config.YamlNode.Meaning;
import dev.trireme.launcher.config.YamlNode.Scalar;
import java.math.BigInteger;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads single values: pure functions that return the value or the message of a refusal. */
final class ScalarReader {
  private static final Pattern WHOLE = Pattern.compile("[-+]?[0-9]{1,40}");
  private static final Pattern SIZE = Pattern.compile("([0-9]{1,19})([kmg]?)");

  private ScalarReader() {}

  /**
   * A value or the reason why there is none.
   *
   * @param value empty when refused
   * @param refusal empty when read
   * @param nearest the right word that was most likely meant
   */
  record Reading(Optional<Object> value, String refusal, Optional<String> nearest) {
    static Reading of(Object value) {
      return new Reading(Optional.of(value), "", Optional.empty());
    }

    static Reading refused(String refusal) {
      return new Reading(Optional.empty(), refusal, Optional.empty());
    }
  }

  /** Reads a value of one of the types that are written as a scalar. */
  static Reading read(Scalar scalar, SpecType type) {
    if (type instanceof SpecType.Text) {
      return text(scalar);
    }
    if (type instanceof SpecType.Flag) {
      return scalar.meaning() == Meaning.FLAG
          ? Reading.of(Boolean.valueOf(scalar.text().toLowerCase(Locale.ROOT)))
          : mismatch(scalar, type);
    }
    if (type instanceof SpecType.Word word) {
      return word(scalar, word);
    }
    if (type instanceof SpecType.Workers) {
      return workers(scalar);
    }
    if (type instanceof SpecType.Real real) {
      return real(scalar, real);
    }
    return whole(scalar, (SpecType.Whole) type);
  }

  private static Reading text(Scalar scalar) {
    Meaning meaning = scalar.meaning();
    // A shell takes quotes off, so that on the command line 7 must do for '7'.
    boolean bare =
        scalar.place() instanceof Place.InOverride
            && (meaning == Meaning.NUMBER || meaning == Meaning.FLAG);
    if (meaning == Meaning.NUMBER || meaning == Meaning.FLAG) {
      return bare
          ? Reading.of(scalar.text())
          : Reading.refused(
              "expected text, found " + scalar.found() + "; put it in quotes if it is meant");
    }
    if (meaning != Meaning.TEXT || scalar.text().isBlank()) {
      return Reading.refused("expected text, found " + scalar.found());
    }
    if (scalar.text().chars().anyMatch(Character::isISOControl)) {
      return Reading.refused(
          "expected text on one line, found a control character in " + scalar.found());
    }
    return Reading.of(scalar.text());
  }

  private static Reading word(Scalar scalar, SpecType.Word type) {
    Object constant = type.words().get(scalar.text());
    if (constant != null) {
      return Reading.of(constant);
    }
    Optional<String> nearest = NearestName.of(scalar.text(), type.words().keySet());
    String suggestion = nearest.map(n -> "; did you mean '" + n + "'?").orElse("");
    return new Reading(Optional.empty(), mismatch(scalar, type).refusal() + suggestion, nearest);
  }

  private static Reading workers(Scalar scalar) {
    if (scalar.isAbsent()) {
      return mismatch(scalar, new SpecType.Workers());
    }
    try {
      return Reading.of(WorkerCount.parse(scalar.text()));
    } catch (SpecException e) {
      return Reading.refused(e.getMessage());
    }
  }

  private static Reading real(Scalar scalar, SpecType.Real type) {
    if (scalar.meaning() != Meaning.NUMBER || !scalar.text().matches("[-+.0-9eE]+")) {
      return mismatch(scalar, type);
    }
    // Adding zero makes -0 the one zero there is.
    double value = Double.parseDouble(scalar.text()) + 0.0;
    boolean high = value > type.max() || Double.isInfinite(value);
    boolean low = type.exclusiveMin() ? value <= type.min() : value < type.min();
    return high || low ? mismatch(scalar, type) : Reading.of(value);
  }

  private static Reading whole(Scalar scalar, SpecType.Whole type) {
    if (type.auto() && scalar.text().equals(SpecType.Whole.AUTO)) {
      return Reading.of(0L);
    }
    Matcher size = SIZE.matcher(scalar.text().toLowerCase(Locale.ROOT));
    BigInteger value;
    if (scalar.plain() && WHOLE.matcher(scalar.text()).matches()) {
      value = new BigInteger(scalar.text());
    } else if (type.size() && size.matches()) {
      value = new BigInteger(size.group(1)).shiftLeft(10 * " kmg".indexOf(size.group(2)));
    } else {
      return mismatch(scalar, type);
    }
    if (value.compareTo(BigInteger.valueOf(type.min())) < 0
        || value.compareTo(BigInteger.valueOf(type.max())) > 0) {
      return mismatch(scalar, type);
    }
    return type.wide() ? Reading.of(value.longValueExact()) : Reading.of(value.intValueExact());
  }

  private static Reading mismatch(Scalar scalar, SpecType type) {
    String mend = "";
    boolean number = type instanceof SpecType.Whole || type instanceof SpecType.Real;
    if (!scalar.plain()
        && number
        && new Scalar(scalar.text(), true, scalar.place()).meaning() == Meaning.NUMBER) {
      mend = " in quotes; take the quotes off";
    }
    return Reading.refused("expected " + Expected.words(type) + ", found " + scalar.found() + mend);
  }
}
