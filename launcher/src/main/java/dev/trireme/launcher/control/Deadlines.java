package dev.trireme.launcher.control;

import dev.trireme.coordinator.JobService;
import java.time.Duration;

/**
 * Who waits how long for what over HTTP. Whoever works on a request gives up first, for it alone
 * can say why; then who has asked; the server's cut-off comes last, for it says nothing to anybody,
 * and ends what neither of them has.
 *
 * <pre>
 *                                       who works   who asks      cut-off
 *   GET /v1/probe                         99 s        119 s        232 s
 *   PUT, a file's last piece:                      30 s, and 1 s
 *     all of it is forced and hashed              for each 50 MB   232 s
 *   all else, for each question           20 s         30 s        232 s
 * </pre>
 */
final class Deadlines {
  /** For a request to arrive whole. */
  static final Duration REQUEST = Duration.ofSeconds(10);

  /** For who asks: until there is an answer. */
  static final Duration ANSWER = Duration.ofSeconds(30);

  /** The same for a probe, for which a request may have waited for its turn. */
  static final Duration PROBE = Duration.ofSeconds(JobService.PROBE_SECONDS + 20);

  private static final long BYTES_A_SECOND = 50_000_000;

  /** From when a request has arrived until its answer has been taken; then its connection ends. */
  static final Duration CUT_OFF =
      longer(PROBE, lastPiece(ANSWER, FileStore.MAX_FILE)).plusSeconds(30);

  private Deadlines() {}

  /**
   * For who sends the last piece of a file, with which all of it is forced to the disk and hashed.
   *
   * @param answer for a piece
   * @param size of the file
   */
  static Duration lastPiece(Duration answer, long size) {
    return answer.plusMillis(size / (BYTES_A_SECOND / 1000));
  }

  private static Duration longer(Duration a, Duration b) {
    return a.compareTo(b) > 0 ? a : b;
  }
}
