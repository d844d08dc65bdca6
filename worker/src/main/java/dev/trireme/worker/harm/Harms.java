package dev.trireme.worker.harm;

import dev.trireme.protocol.HarmKind;
import dev.trireme.worker.harm.Guard.Deed;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Harms the ranks of one agent on purpose and takes back what lasts. At most {@value #MOST} harms
 * at a time, each on a thread of its own.
 *
 * <p>Threading: any thread.
 */
public final class Harms implements AutoCloseable {
  static final int MOST = 8;
  private static final Logger LOG = LoggerFactory.getLogger(Harms.class);
  private static final long BEAT_MILLIS = 50;
  private static final long CLOSE_SECONDS = 15;

  private final AtomicLong number = new AtomicLong();
  private final Map<String, Long> withoutRoom = new ConcurrentHashMap<>();
  private final ExecutorService threads =
      new ThreadPoolExecutor(
          0,
          MOST,
          1,
          TimeUnit.SECONDS,
          new SynchronousQueue<>(),
          task -> {
            Thread thread = new Thread(task, "agent-harm");
            thread.setDaemon(true);
            return thread;
          });

  /**
   * What is wanted.
   *
   * @param process of the rank, a child of this one
   * @param jobId of its job
   * @param checkpoints where these go: a directory or {@code s3://...}
   * @param runDirectory of the job
   * @param lasting how long; takes no part in a kill
   * @param trial whether only to find out if it can be done
   */
  public record Order(
      HarmKind kind,
      ProcessHandle process,
      String jobId,
      String checkpoints,
      Path runDirectory,
      Duration lasting,
      boolean trial) {}

  /** Hears what came of an order; called on a thread of {@link Harms}. */
  public interface Answer {
    /**
     * It is done; for what happens to a process itself, it is about to be.
     *
     * @param how for people
     */
    void done(String how);

    /** It was not done. */
    void refused(String why);

    /** Once it is done: the ranks of the job here are to act as if there were no room. */
    void lackRoom(Duration lasting);
  }

  /** Does it, beside the caller. */
  public void begin(Order order, Answer answer) {
    try {
      threads.execute(() -> run(order, answer));
    } catch (RejectedExecutionException e) {
      answer.refused("this agent does " + MOST + " such things already, the most at a time");
    }
  }

  /** For how many milliseconds more a job's ranks are to lack room; empty when they are not. */
  public OptionalLong lackingRoom(String jobId) {
    Long until = withoutRoom.get(jobId);
    long left = until == null ? 0 : TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime());
    if (left <= 0) {
      withoutRoom.remove(jobId);
      return OptionalLong.empty();
    }
    return OptionalLong.of(left);
  }

  private void run(Order order, Answer answer) {
    try {
      switch (order.kind()) {
        case KILL -> {
          answer.done("killed");
          if (!order.trial()) {
            order.process().destroyForcibly();
          }
        }
        case FREEZE, SLOW -> stop(order, answer);
        case FILL_DISK -> fill(order, answer);
        case DROP_LINK -> drop(order, answer);
      }
    } catch (HarmRefusedException e) {
      answer.refused(e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.error("harming on purpose", e);
      answer.refused("this agent failed: " + e);
    }
  }

  /** The shell lets the process go again, also when this one is no more. */
  private static void stop(Order order, Answer answer)
      throws HarmRefusedException, InterruptedException {
    boolean slow = order.kind() == HarmKind.SLOW;
    String how = slow ? "stopped ten times a second" : "stopped";
    if (order.trial()) {
      answer.done(how);
      return;
    }
    Deed deed =
        new Deed(
            "kill -0 \"$2\"",
            "kill -CONT \"$2\" 2>/dev/null; true",
            List.of(String.valueOf(order.process().pid())));
    try (Guard guard = Guard.hold(deed, order.lasting())) {
      answer.done(how);
      long end = System.nanoTime() + order.lasting().toNanos();
      boolean stopped = false;
      while (System.nanoTime() < end && order.process().isAlive() && guard.isHeld()) {
        if (slow || !stopped) {
          guard.signal(stopped ? "CONT" : "STOP");
          stopped = !stopped;
        }
        TimeUnit.MILLISECONDS.sleep(BEAT_MILLIS);
      }
    }
  }

  private void fill(Order order, Answer answer) throws HarmRefusedException, InterruptedException {
    DiskFill.Way way = DiskFill.choose(order.checkpoints(), order.runDirectory());
    if (order.trial()) {
      answer.done(way.words());
    } else if (way.fill().isEmpty()) {
      withoutRoom.put(order.jobId(), System.nanoTime() + order.lasting().toNanos());
      answer.done(way.words());
      answer.lackRoom(order.lasting());
    } else {
      try (Guard guard = Guard.hold(way.fill().get(), order.lasting())) {
        answer.done(way.words() + ", " + String.join(" ", guard.said()) + " were taken");
        hold(order, guard, false);
      }
    }
  }

  private void drop(Order order, Answer answer) throws HarmRefusedException, InterruptedException {
    String name = "trireme_" + ProcessHandle.current().pid() + "_" + number.incrementAndGet();
    Deed deed = LinkCut.of(order.process().pid(), name, order.lasting());
    if (order.trial()) {
      answer.done("its packets can be dropped");
      return;
    }
    try (Guard guard = Guard.hold(deed, order.lasting())) {
      answer.done("its packets are dropped");
      hold(order, guard, true);
    }
  }

  private static void hold(Order order, Guard guard, boolean whileItLives)
      throws InterruptedException {
    long end = System.nanoTime() + order.lasting().toNanos();
    while (System.nanoTime() < end
        && guard.isHeld()
        && (!whileItLives || order.process().isAlive())) {
      TimeUnit.MILLISECONDS.sleep(BEAT_MILLIS);
    }
  }

  /** Takes back whatever lasts; waits for it, at most {@value #CLOSE_SECONDS} s. */
  @Override
  public void close() {
    threads.shutdownNow();
    try {
      if (!threads.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
        LOG.warn(
            "what was done on purpose is not taken back yet; its guards do that by themselves");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
