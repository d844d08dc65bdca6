package dev.trireme.worker.agent;

/**
 * Allots the stream ids of one media driver. An id is never allotted twice in an agent's life, so
 * that what an old formation left in a log can never be read by a new one.
 *
 * <p>Threading: one thread.
 */
final class StreamIds {
  private static final int FIRST = 1000;

  private int next = FIRST;

  /**
   * @return the first of {@code count} ids in a row
   * @throws IllegalStateException when there are no more
   */
  int allot(int count) {
    int first = next;
    if (count < 1 || first > Integer.MAX_VALUE - count) {
      throw new IllegalStateException(
          "cannot allot " + count + " stream ids after " + first + "; restart this agent");
    }
    next += count;
    return first;
  }
}
