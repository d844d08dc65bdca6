package dev.trireme.worker.rank;

import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.AgentToRank.Release;
import dev.trireme.protocol.Message;
import dev.trireme.protocol.MessageCodec;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.worker.channel.Bootstrap;
import dev.trireme.worker.channel.Channel;
import dev.trireme.worker.channel.ExitCode;
import dev.trireme.worker.channel.StampGuard;
import io.aeron.Aeron;
import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.agrona.concurrent.Agent;
import org.agrona.concurrent.AgentRunner;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A rank's link to the agent that started it. The life of a rank's process:
 *
 * <pre>
 * connect -> (Hello is sent) -> awaitJoin -> listen -> report ... report(Parked | Finished)
 *                                   ^                                   |
 *                                   +-----------------------------------+-> (Release) -> close
 * </pre>
 *
 * <p>A rank has no life without its agent: when standard input closes or the channel breaks, the
 * process is halted with {@link ExitCode#AGENT_LOST} or {@link ExitCode#CHANNEL_LOST}, from a
 * thread of this class, whatever the training thread is doing.
 *
 * <p>Commands below the highest (term, generation) obeyed are refused and logged.
 *
 * <p>Threading: {@link #report} from any thread; the rest from the process's main thread. Commands
 * are delivered on the link's own thread. Blocking: {@link #connect}, {@link #awaitJoin} and {@link
 * #close}, each with a deadline.
 */
public final class AgentLink implements AutoCloseable {
  /** How long {@link #close} waits for queued reports to be taken. */
  public static final Duration FLUSH_DEADLINE = Duration.ofSeconds(5);

  /** How long {@link #close} waits for the agent's release after a final report. */
  public static final Duration RELEASE_DEADLINE = Duration.ofSeconds(10);

  private static final Logger LOG = LoggerFactory.getLogger(AgentLink.class);

  /** A command that nobody has listened for yet, and the formation that it is meant for. */
  private record Early(long generation, AgentToRank command) {}

  /** Commands that may come between Join and {@link #listen}. */
  private static final int EARLY_COMMANDS = 64;

  private final StampGuard stamps = new StampGuard();
  private final LinkedBlockingQueue<Optional<Join>> joins = new LinkedBlockingQueue<>();
  private final CountDownLatch released = new CountDownLatch(1);
  private final Deque<Early> early = new ArrayDeque<>();
  private final IntConsumer halt;
  private final Aeron aeron;
  private final Channel channel;
  private final AgentRunner runner;
  // Guarded by the early ones, by generation: told of last, taken up last, listened for.
  private Consumer<AgentToRank> listener;
  private long told;
  private long taken;
  private long listenedFor;
  private boolean joined;
  private volatile String jobId = "";
  private volatile boolean finalReported;
  private volatile boolean closing;

  /**
   * Connects this process with the agent that started it, and makes it ignore Ctrl-C. Called first
   * in {@code main}, so that the process is heard of soon.
   *
   * @param arguments of {@code main}, unchanged
   * @param input standard input, unread; it belongs to the link from now on
   * @throws IllegalArgumentException when the process was not started by an agent; see {@link
   *     ExitCode#BAD_BOOTSTRAP}
   * @throws io.aeron.exceptions.AeronException when the agent's media driver is not there
   */
  public static AgentLink connect(String[] arguments, InputStream input) {
    TerminalSignals.ignore();
    return new AgentLink(
        Bootstrap.read(arguments, input), input, code -> Runtime.getRuntime().halt(code));
  }

  AgentLink(Bootstrap bootstrap, InputStream input, IntConsumer halt) {
    this.halt = halt;
    StandardInputWatch.start(input, halt);
    aeron =
        Channel.connect(
            bootstrap.channel().aeronDirectory(), "trireme-rank-slot-" + bootstrap.slot());
    channel =
        new Channel(
            aeron,
            Channel.Side.RANK,
            bootstrap.channel(),
            bootstrap.secret(),
            new MessageCodec(),
            this::onMessage);
    channel.send(new RankReport.Hello(bootstrap.slot(), ProcessHandle.current().pid()));
    runner = new AgentRunner(Channel.idle(), this::onError, null, new Duty());
    AgentRunner.startOnThread(runner, AgentLink::daemon);
  }

  /**
   * Waits to be told which rank to become, for the first time or in the next formation; of several
   * Joins that have come, only the newest counts.
   *
   * @return the command; empty when the process is not needed any more and should end, or {@code
   *     deadline} has passed
   */
  public Optional<Join> awaitJoin(Duration deadline) throws InterruptedException {
    Optional<Join> newest = joins.poll(deadline.toMillis(), TimeUnit.MILLISECONDS);
    if (newest == null) {
      LOG.warn("no Join within {} s", deadline.toSeconds());
      return Optional.empty();
    }
    for (Optional<Join> next = joins.poll(); next != null; next = joins.poll()) {
      newest = newest.isEmpty() ? newest : next;
    }
    newest.ifPresent(this::take);
    newest.filter(join -> joined).ifPresent(this::announce);
    joined |= newest.isPresent();
    return newest;
  }

  private void take(Join join) {
    synchronized (early) {
      taken = join.stamp().generation();
    }
  }

  /** Whatever this rank said before it said so as a rank of the formation before. */
  private void announce(Join join) {
    report(new RankReport.Joined(join.stamp().generation()));
  }

  /**
   * Delivers every command but Joins that is meant for the formation whose Join {@link #awaitJoin}
   * has given out last, those included that have come already. Called again, for another formation,
   * it replaces the listener before. What was meant for a formation that was passed over is
   * dropped, and what is meant for a later one waits: an abort of another formation would end the
   * wrong one, and would be missed where it is needed, so that this rank would wait there for peers
   * until its deadline.
   *
   * @param commands called on the link's thread, in the order of sending; must not block
   */
  public void listen(Consumer<AgentToRank> commands) {
    synchronized (early) {
      listener = commands;
      listenedFor = taken;
      for (Early each : List.copyOf(early)) {
        if (each.generation() <= taken) {
          early.remove(each);
        }
        if (each.generation() == taken) {
          hand(each.command());
        }
      }
    }
  }

  /**
   * Sends a report to the agent, which passes it on to the coordinator. Never blocks. Reports
   * arrive in order.
   *
   * @throws dev.trireme.protocol.CodecException when the report is too long for the channel
   */
  public void report(RankReport report) {
    if (report instanceof RankReport.Finished || report instanceof RankReport.Failed) {
      finalReported = true;
    }
    if (!channel.send(report)) {
      // Only a channel that has been stuck for long is full; its deadline ends this process.
      LOG.error("the channel to the agent is full or broken: lost {}", report);
    }
    LockSupport.unpark(runner.thread());
  }

  /**
   * Makes sure that queued reports have been taken (for at most {@link #FLUSH_DEADLINE}), waits for
   * the agent's release where a final report was sent (at most {@link #RELEASE_DEADLINE}), and ends
   * the link's own thread. The process must end soon after.
   */
  @Override
  public void close() {
    if (closing) {
      return;
    }
    if (finalReported && !await(released, RELEASE_DEADLINE)) {
      LOG.warn("the agent has not released this rank within {} s", RELEASE_DEADLINE.toSeconds());
    }
    closing = true;
    long deadline = System.nanoTime() + FLUSH_DEADLINE.toNanos();
    while (!channel.isFlushed() && channel.failure().isEmpty() && System.nanoTime() < deadline) {
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
    }
    runner.close();
  }

  private void onMessage(Message message) {
    if (message instanceof Release) {
      LOG.debug("released");
      joins.add(Optional.empty());
      released.countDown();
    } else if (message instanceof AgentToRank command) {
      onCommand(command);
    } else {
      LOG.warn("dropped a {}: it is no command for a rank", message.getClass().getSimpleName());
    }
  }

  private void onCommand(AgentToRank command) {
    if (command instanceof Join join && jobId.isEmpty()) {
      jobId = join.jobId();
    }
    Optional<String> refusal = stampOf(command).flatMap(stamp -> stamps.admit(jobId, stamp));
    if (refusal.isPresent()) {
      LOG.warn("refused a {}: {}", command.getClass().getSimpleName(), refusal.get());
    } else if (command instanceof Join join) {
      synchronized (early) {
        // Who listened ahead of any formation listens for the first.
        listenedFor = told == 0 ? join.stamp().generation() : listenedFor;
        // What comes from now on is meant for this formation.
        told = join.stamp().generation();
        joins.add(Optional.of(join));
      }
    } else {
      synchronized (early) {
        deliver(command);
      }
    }
  }

  private void deliver(AgentToRank command) {
    if (listener != null && listenedFor == told) {
      hand(command);
    } else if (early.size() < EARLY_COMMANDS) {
      early.add(new Early(told, command));
    } else {
      LOG.error("dropped a {}: nobody listens", command.getClass().getSimpleName());
    }
  }

  private void hand(AgentToRank command) {
    try {
      listener.accept(command);
    } catch (RuntimeException e) {
      LOG.error("a {} could not be obeyed", command.getClass().getSimpleName(), e);
    }
  }

  private static Optional<Stamp> stampOf(AgentToRank command) {
    if (command instanceof Join c) {
      return Optional.of(c.stamp());
    } else if (command instanceof AgentToRank.StopAfterStep c) {
      return Optional.of(c.stamp());
    } else if (command instanceof AgentToRank.CheckpointAfterStep c) {
      return Optional.of(c.stamp());
    } else if (command instanceof AgentToRank.AbortGeneration c) {
      return Optional.of(c.stamp());
    } else if (command instanceof AgentToRank.Contacts c) {
      return Optional.of(c.stamp());
    } else if (command instanceof AgentToRank.CheckpointGrant c) {
      return Optional.of(c.stamp());
    } else if (command instanceof AgentToRank.LackRoom c) {
      return Optional.of(c.stamp());
    }
    return Optional.empty();
  }

  private void onError(Throwable error) {
    LOG.error("the link to the agent", error);
  }

  private static boolean await(CountDownLatch latch, Duration deadline) {
    try {
      return latch.await(deadline.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private static Thread daemon(Runnable body) {
    Thread thread = new Thread(body);
    thread.setDaemon(true);
    return thread;
  }

  /** The link's thread: drives the Aeron client and the channel, and notices their end. */
  private final class Duty implements Agent {
    @Override
    public int doWork() {
      int work = aeron.conductorAgentInvoker().invoke();
      if (!aeron.isClosed()) {
        work += channel.duty();
      }
      Optional<String> lost =
          aeron.isClosed() ? Optional.of("the media driver is gone") : channel.failure();
      if (lost.isPresent() && !closing) {
        LOG.error("the channel to the agent is lost ({}): ending", lost.get());
        halt.accept(ExitCode.CHANNEL_LOST);
      }
      return work;
    }

    @Override
    public void onClose() {
      channel.close();
      aeron.close();
    }

    @Override
    public String roleName() {
      return "rank-agent-link";
    }
  }
}
