package dev.trireme.coordinator.control;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobListener;
import dev.trireme.coordinator.JobService;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Passes one job's events to its listeners, each on a thread of its own, and tells those who come
 * late what has happened before.
 *
 * <p>Threading: any thread; {@link #publish} never waits for a listener.
 */
public final class JobHub {
  private static final Logger LOG = LoggerFactory.getLogger(JobHub.class);
  private static final int MAX_LISTENERS = 64;
  private static final int MAX_EVENTS = 1024;

  private final String jobId;
  private final Deque<JobEvent> history = new ArrayDeque<>();
  private final List<Feed> feeds = new ArrayList<>();
  private Optional<JobEvent.Progress> progress = Optional.empty();

  /**
   * @param jobId of the job
   */
  public JobHub(String jobId) {
    this.jobId = jobId;
  }

  /**
   * Keeps an event and passes it on. Of progress only the latest is kept; the record of samples is
   * for the run directory alone.
   */
  public synchronized void publish(JobEvent event) {
    if (event instanceof JobEvent.SamplesTrained) {
      return;
    }
    if (event instanceof JobEvent.Progress newest) {
      progress = Optional.of(newest);
      history.removeIf(e -> e instanceof JobEvent.Progress);
    } else if (history.size() >= MAX_EVENTS) {
      history.removeFirst();
    }
    history.addLast(event);
    feeds.removeIf(feed -> !feed.offer(event));
  }

  /** The newest progress; empty before the first. */
  synchronized Optional<JobEvent.Progress> progress() {
    return progress;
  }

  /**
   * Adds a listener.
   *
   * @throws CoordinatorException when there are too many
   */
  public synchronized JobService.Subscription watch(JobListener listener) {
    feeds.removeIf(Feed::isClosed);
    if (feeds.size() >= MAX_LISTENERS) {
      throw new CoordinatorException(
          jobId + " has " + MAX_LISTENERS + " listeners, the most there may be; close one");
    }
    Feed feed = new Feed(listener, history);
    feeds.add(feed);
    feed.start();
    return feed;
  }

  /** Ends all subscriptions once their listeners have heard what was published. */
  public synchronized void close() {
    feeds.forEach(Feed::endAfterLast);
    feeds.clear();
  }

  /** One listener's queue and thread. */
  private final class Feed implements JobService.Subscription, Runnable {
    private final JobListener listener;
    private final Deque<JobEvent> queue;
    private final Thread thread;
    private boolean closed;
    private boolean unwanted;
    private boolean ending;

    Feed(JobListener listener, Deque<JobEvent> before) {
      this.listener = listener;
      queue = new ArrayDeque<>(before);
      thread = new Thread(this, "trireme-watch-" + jobId);
      thread.setDaemon(true);
    }

    void start() {
      thread.start();
    }

    synchronized boolean isClosed() {
      return closed;
    }

    /** Whether the feed is still of use. */
    synchronized boolean offer(JobEvent event) {
      if (closed) {
        return false;
      }
      if (queue.size() >= MAX_EVENTS && !queue.removeIf(e -> e instanceof JobEvent.Progress)) {
        LOG.warn("a listener of {} lags by {} events and is dropped", jobId, MAX_EVENTS);
        closed = true;
      } else {
        queue.addLast(event);
      }
      notifyAll();
      return !closed;
    }

    synchronized void endAfterLast() {
      ending = true;
      notifyAll();
    }

    private synchronized Optional<JobEvent> take() throws InterruptedException {
      while (queue.isEmpty() && !closed && !ending) {
        wait();
      }
      return closed || queue.isEmpty() ? Optional.empty() : Optional.of(queue.removeFirst());
    }

    @Override
    public void run() {
      boolean heardTheEnd = false;
      try {
        for (Optional<JobEvent> next = take(); next.isPresent(); next = take()) {
          JobEvent event = next.get();
          tell(event.getClass().getSimpleName(), () -> listener.on(event));
          heardTheEnd = event instanceof JobEvent.Ended;
          if (heardTheEnd) {
            break;
          }
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      boolean lost;
      synchronized (this) {
        closed = true;
        lost = !heardTheEnd && !unwanted;
      }
      if (lost) {
        tell("loss", listener::lost);
      }
    }

    private void tell(String what, Runnable call) {
      try {
        call.run();
      } catch (RuntimeException e) {
        LOG.warn("a listener of {} failed at a {}", jobId, what, e);
      }
    }

    @Override
    public synchronized void close() {
      unwanted = true;
      closed = true;
      notifyAll();
    }
  }
}
