package dev.trireme.worker.agent;

import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.CodecException;
import dev.trireme.protocol.RankReport;
import dev.trireme.worker.channel.Channel;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One process of an agent and what the agent knows of it: idle at first (warm), then a rank, then
 * ending.
 *
 * <p>Threading: the supervisor's thread.
 */
final class Child {
  private static final Logger LOG = LoggerFactory.getLogger(Child.class);

  /** How long a process may take to end once it has closed its channel. */
  private static final long LEAVING_NANOS = TimeUnit.SECONDS.toNanos(2);

  /** Commands for a process that has not said Hello. */
  private static final int MAX_WAITING = 64;

  private final int slot;
  private final RankProcess process;
  private final Channel channel;
  private final long helloUntil;
  private final Deque<AgentToRank> waiting = new ArrayDeque<>();
  private Optional<Join> join = Optional.empty();
  private Optional<Join> speaker = Optional.empty();
  private boolean hello;
  private boolean finalReport;
  private boolean endRequested;
  private boolean gone;
  private long goneSince;
  private boolean killed;
  private boolean killPlanned;
  private long killAt;
  private String killReason = "";

  Child(int slot, RankProcess process, Channel channel, long helloUntil) {
    this.slot = slot;
    this.process = process;
    this.channel = channel;
    this.helloUntil = helloUntil;
  }

  int slot() {
    return slot;
  }

  RankProcess process() {
    return process;
  }

  Channel channel() {
    return channel;
  }

  /**
   * As which rank it speaks: after it was told to become another, what it said before is still on
   * its way. Empty while it waits to be needed.
   */
  Optional<Join> speaker() {
    return speaker;
  }

  /** It has become the rank that it was told last to become, if that is of this generation. */
  void speaksAs(long generation) {
    join.filter(j -> j.stamp().generation() == generation).ifPresent(j -> speaker = join);
  }

  /** Which rank it is to be; empty while it waits to be needed. */
  Optional<Join> join() {
    return join;
  }

  boolean isRankOf(String jobId) {
    return join.filter(j -> j.jobId().equals(jobId)).isPresent();
  }

  /** Whether it can still become a rank. */
  boolean isIdle() {
    return join.isEmpty() && !endRequested && killReason.isEmpty();
  }

  boolean hasSaidHello() {
    return hello;
  }

  /** Whether its end is no failure: it was told to end, or had said all. */
  boolean isEndExpected() {
    return endRequested || finalReport;
  }

  /** Why the agent killed it; empty when it did not. */
  String killReason() {
    return killed ? killReason : "";
  }

  void become(Join rank) {
    join = Optional.of(rank);
    speaker = speaker.isEmpty() ? join : speaker;
    tell(rank);
  }

  /** Sends a command, or keeps it until the process is there to hear it. */
  void tell(AgentToRank command) {
    endRequested |= command instanceof AgentToRank.Release;
    if (!hello) {
      if (waiting.size() < MAX_WAITING) {
        waiting.add(command);
      } else {
        kill("it has not said Hello and " + MAX_WAITING + " commands wait for it");
      }
      return;
    }
    try {
      if (!channel.send(command)) {
        LOG.error("process {} takes no commands: lost {}", process.pid(), command);
      }
    } catch (CodecException e) {
      kill("it cannot be told: " + e.getMessage());
    }
  }

  /** Whether this Hello is from this process. */
  boolean greet(RankReport.Hello message) {
    boolean right = message.slot() == slot && message.pid() == process.pid();
    if (right && !hello) {
      hello = true;
      waiting.forEach(this::tell);
      waiting.clear();
    }
    return right;
  }

  /** Its final report has been passed on: it may end. */
  void release() {
    finalReport = true;
    tell(new AgentToRank.Release());
  }

  /** Its end is wanted and will be no failure. */
  void requestEnd(long killAtNanos, String reason) {
    endRequested = true;
    killAfter(killAtNanos, reason);
  }

  /** Ends it at once, as a failure unless its end was wanted already. */
  void kill(String reason) {
    killAfter(System.nanoTime(), reason);
  }

  private void killAfter(long nanoTime, String reason) {
    if (killReason.isEmpty()) {
      killReason = reason;
    }
    killAt = killPlanned && killAt - nanoTime < 0 ? killAt : nanoTime;
    killPlanned = true;
  }

  /**
   * A process that ends closes its channel a moment before: killing it then would hide how it ends.
   */
  private void watchPeer(long now) {
    if (channel.isPeerThere()) {
      gone = false;
    } else if (!gone) {
      gone = true;
      goneSince = now;
    } else if (now - goneSince > LEAVING_NANOS) {
      killAfter(
          now,
          "it has been silent for the media driver's 30 s or more: stopped, or without a processor");
    }
  }

  /** Kills it when it is time to. */
  void checkDeadlines(long now) {
    if (!hello && now - helloUntil > 0) {
      killAfter(now, "it said nothing on its channel in time");
    }
    if (hello && !isEndExpected()) {
      watchPeer(now);
    }
    channel.failure().ifPresent(failure -> killAfter(now, "its channel is stuck: " + failure));
    if (!killed && killPlanned && now - killAt >= 0) {
      killed = true;
      LOG.info("killing process {}: {}", process.pid(), killReason);
      process.kill();
    }
  }
}
