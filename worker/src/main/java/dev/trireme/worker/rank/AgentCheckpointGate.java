package dev.trireme.worker.rank;

import dev.trireme.api.checkpoint.CheckpointGate;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.AgentToRank.CheckpointGrant;
import dev.trireme.protocol.RankReport;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.LongFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The coordinator's grants, asked for and received through the agent, in one formation. One
 * checkpoint is under way at a time, so the newest answer is the only one kept; an answer that
 * comes before it is waited for is not lost.
 *
 * <p>Threading: {@link #onCommand} from the link's thread, the rest from any.
 */
public final class AgentCheckpointGate implements CheckpointGate {
  private static final Logger LOG = LoggerFactory.getLogger(AgentCheckpointGate.class);

  private final Consumer<RankReport> out;
  private final LongFunction<String> pathOfStep;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition answered = lock.newCondition();
  private CheckpointGrant answer;
  private long abortedGeneration = -1;
  private boolean left;

  /**
   * @param out where reports go, {@link AgentLink#report}
   * @param pathOfStep where the committed checkpoint of a step lies
   */
  public AgentCheckpointGate(Consumer<RankReport> out, LongFunction<String> pathOfStep) {
    this.out = out;
    this.pathOfStep = pathOfStep;
  }

  /** Obeys the commands that concern checkpoints, ignores the others. */
  public void onCommand(AgentToRank command) {
    lock.lock();
    try {
      if (command instanceof CheckpointGrant grant) {
        answer = grant;
        answered.signalAll();
      } else if (command instanceof AgentToRank.AbortGeneration abort) {
        abortedGeneration = Math.max(abortedGeneration, abort.stamp().generation());
        answered.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * The rank has left the formation: from then on nothing is said any more, and no grant comes. A
   * writer whose storage hangs may outlive its formation, and what it says of it late would be
   * taken for a word of the next one. Any thread; repeats are ignored.
   */
  public void leave() {
    lock.lock();
    try {
      left = true;
      answered.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Under the lock, so that nothing is said once {@link #leave} has returned. */
  private void say(RankReport report) {
    lock.lock();
    try {
      if (left) {
        LOG.info("its formation has been left, not told: {}", report);
      } else {
        out.accept(report);
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void shardWritten(long generation, long step) {
    say(new RankReport.ShardWritten(step));
  }

  @Override
  public boolean awaitGrant(long generation, long step, Duration deadline) {
    long left = deadline.toNanos();
    lock.lock();
    try {
      while (!isAnswered(generation, step)) {
        if (isKnownOver(generation)) {
          LOG.info("no grant for the checkpoint of step {}: its generation is over", step);
          return false;
        }
        if (left <= 0) {
          LOG.warn(
              "no grant for the checkpoint of step {} within {} s", step, deadline.toSeconds());
          return false;
        }
        left = answered.awaitNanos(left);
      }
      if (!answer.granted()) {
        LOG.warn("the checkpoint of step {} was refused: {}", step, answer.reason());
      }
      return answer.granted();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public boolean isOver(long generation) {
    lock.lock();
    try {
      return isKnownOver(generation);
    } finally {
      lock.unlock();
    }
  }

  private boolean isKnownOver(long generation) {
    return left || abortedGeneration >= generation;
  }

  private boolean isAnswered(long generation, long step) {
    return answer != null && answer.step() == step && answer.stamp().generation() == generation;
  }

  @Override
  public void finished(
      long generation, long step, Duration stall, Duration write, long bytes, String failure) {
    say(
        new RankReport.CheckpointFinished(
            step,
            pathOfStep.apply(step),
            stall.toNanos() / (double) TimeUnit.SECONDS.toNanos(1),
            write.toNanos() / (double) TimeUnit.SECONDS.toNanos(1),
            bytes,
            failure));
  }
}
