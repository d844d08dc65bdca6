package dev.trireme.coordinator.control;

/** Jobs are numbered from 1 in the order in which they are accepted: {@code job-1}. */
final class JobIds {
  private static final String PREFIX = "job-";

  private JobIds() {}

  static String of(long number) {
    return PREFIX + number;
  }

  /** The number in an id; -1 when it is no id. */
  static long number(String jobId) {
    if (!jobId.matches(PREFIX + "[1-9][0-9]{0,17}")) {
      return -1;
    }
    return Long.parseLong(jobId.substring(PREFIX.length()));
  }
}
