package dev.trireme.coordinator.schedule;

import java.util.List;

/**
 * Which sums some of a list of numbers can have. A bit for each sum up to a limit: to add a number
 * is to shift and to or, O(numbers x limit / 64). (Bellman's subset sum.)
 */
final class Sums {
  private Sums() {}

  /**
   * How far the smallest sum that is at least {@code least} is above it.
   *
   * @param numbers at least 0 each
   * @param least at least 1
   * @param limit at least {@code least}; sums above it are all taken for {@code limit + 1}
   */
  static int gap(List<Integer> numbers, int least, int limit) {
    long[] sums = new long[limit / 64 + 1];
    sums[0] = 1;
    for (int number : numbers) {
      if (number > 0 && number <= limit) {
        orShifted(sums, number);
        if (has(sums, least)) {
          return 0;
        }
      }
    }
    int sum = least;
    while (sum <= limit && !has(sums, sum)) {
      sum++;
    }
    return sum - least;
  }

  private static boolean has(long[] sums, int sum) {
    return (sums[sum / 64] >>> (sum % 64) & 1) != 0;
  }

  private static void orShifted(long[] sums, int by) {
    int words = by / 64;
    int bits = by % 64;
    for (int i = sums.length - 1; i >= words; i--) {
      long shifted = sums[i - words] << bits;
      if (bits > 0 && i > words) {
        shifted |= sums[i - words - 1] >>> (64 - bits);
      }
      sums[i] |= shifted;
    }
  }
}
