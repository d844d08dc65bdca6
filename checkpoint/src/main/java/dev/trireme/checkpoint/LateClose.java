package dev.trireme.checkpoint;

import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Frees what a writer works with once it has ended, where it hangs for longer than its formation:
 * each formation on a slow storage would else leave the copy of a state behind.
 */
final class LateClose {
  private static final Logger LOG = LoggerFactory.getLogger(LateClose.class);

  /** A call of the operating system that has not come back by then is not going to. */
  private static final Duration LIMIT = Duration.ofHours(1);

  private LateClose() {}

  /**
   * Starts to wait, on a thread of its own, for at most an hour.
   *
   * @param writer that has been shut down
   * @param who is waited for, for the thread's name
   * @param free run when the writer has ended, and not at all before
   */
  static void start(ExecutorService writer, String who, Runnable free) {
    Thread thread = new Thread(() -> await(writer, who, free), who + "-late-close");
    thread.setDaemon(true);
    thread.start();
  }

  private static void await(ExecutorService writer, String who, Runnable free) {
    try {
      if (writer.awaitTermination(LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
        free.run();
        LOG.info("{} has ended: its memory is freed", who);
      } else {
        LOG.error("{} still hangs after {}: its memory is never freed", who, LIMIT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.warn("{} has ended, and its memory cannot be freed", who, e);
    }
  }
}
