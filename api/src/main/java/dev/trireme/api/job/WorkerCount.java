package dev.trireme.api.job;

/**
 * How many ranks a job wants: {@code 2}, or {@code "1:4"} for any number between.
 *
 * @param min at least 1
 * @param max at least {@code min}, at most 4096
 */
public record WorkerCount(int min, int max) {
  public WorkerCount {
    if (min > max && max >= 1 && min <= 4096) {
      throw new SpecException(
          "",
          "expected \"min:max\" from 1 to 4096 with min at most max, as "
              + written(max, min)
              + ", found "
              + written(min, max));
    }
    if (min < 1 || max < min || max > 4096) {
      throw new SpecException(
          "", "expected a number from 1 to 4096, or \"min:max\", found " + written(min, max));
    }
  }

  /** As it is written: {@code 2} or {@code 1:4}. */
  @Override
  public String toString() {
    return written(min, max);
  }

  private static String written(int min, int max) {
    return min == max ? String.valueOf(min) : min + ":" + max;
  }

  /**
   * Reads {@code 2} or {@code 1:4}.
   *
   * @throws SpecException when it is neither
   */
  public static WorkerCount parse(String text) {
    String[] parts = text.split(":", -1);
    try {
      int min = Integer.parseInt(parts[0].trim());
      int max = parts.length == 1 ? min : Integer.parseInt(parts[1].trim());
      if (parts.length <= 2) {
        return new WorkerCount(min, max);
      }
    } catch (NumberFormatException e) {
      // falls through to the one message
    }
    throw new SpecException(
        "", "expected a number from 1 to 4096, or \"min:max\", found '" + text + "'");
  }
}
