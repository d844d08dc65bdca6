package dev.trireme.coordinator.control;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobService.HarmOrder;
import dev.trireme.coordinator.JobService.Harmed;
import dev.trireme.coordinator.life.JobRun;
import dev.trireme.coordinator.life.Time;
import dev.trireme.protocol.AgentToCoordinator.HarmAnswered;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.HarmRank;
import dev.trireme.protocol.HarmKind;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.Stamp;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;

/**
 * Orders of jobs' owners to harm them, until the agents have answered. Owned by {@link JobControl}.
 *
 * <p>Threading: one thread.
 */
final class HarmDesk {
  /** Who asks waits for seconds; what is older has been given up. */
  private static final int MOST = 64;

  /** More orders than a coordinator gives in its term. */
  private static final long NUMBERS = 1_000_000;

  private record Pending(HarmOrder order, long generation, CompletableFuture<Harmed> answer) {}

  private final Time time;
  private final Map<Long, Pending> pending = new LinkedHashMap<>();
  private long last;

  HarmDesk(Time time) {
    this.time = time;
  }

  /**
   * Tells the agent.
   *
   * @throws CoordinatorException when the job does not run or has no such rank
   */
  CompletableFuture<Harmed> order(
      Job job, HarmOrder order, long term, BiConsumer<String, CoordinatorToAgent> out) {
    JobRun run = job.run();
    String jobId = run.record().jobId();
    long lasting = order.lasting().toMillis();
    if (lasting < 0 || lasting > HarmRank.MAX_LASTING_MILLIS) {
      throw new CoordinatorException(
          "what is done on purpose lasts an hour at most, found " + order.lasting());
    }
    String agentId =
        run.agentOf(order.rank())
            .orElseThrow(
                () ->
                    new CoordinatorException(
                        run.state() == JobState.RUNNING
                            ? jobId + " has no rank " + order.rank()
                            : "the job is " + run.state() + " and not RUNNING: nothing was done"));
    if (pending.size() >= MOST) {
      pending.remove(pending.keySet().iterator().next());
    }
    CompletableFuture<Harmed> answer = new CompletableFuture<>();
    long generation = EndedJobs.statusOf(run.record(), Optional.empty()).generation();
    // An agent may still answer an order of the coordinator before.
    long number = term * NUMBERS + ++last;
    pending.put(number, new Pending(order, generation, answer));
    out.accept(
        agentId,
        new HarmRank(
            new Stamp(term, generation),
            jobId,
            number,
            order.kind(),
            order.rank(),
            lasting,
            order.trial()));
    return answer;
  }

  /**
   * An agent has answered.
   *
   * @param job empty when it is over
   */
  void answered(HarmAnswered message, Optional<Job> job) {
    Pending waiting = pending.remove(message.order());
    if (waiting == null) {
      return;
    }
    if (!message.refusal().isEmpty()) {
      waiting.answer().completeExceptionally(new CoordinatorException(message.refusal()));
      return;
    }
    HarmOrder order = waiting.order();
    Instant now = time.now();
    if (job.isPresent() && !order.trial()) {
      boolean lasts = order.kind() != HarmKind.KILL;
      job.get()
          .publish(
              new JobEvent.Harmed(
                  message.jobId(),
                  now,
                  waiting.generation(),
                  order.kind(),
                  order.rank(),
                  message.pid(),
                  lasts ? order.lasting().toMillis() / 1e3 : Double.NaN,
                  message.how()));
    }
    waiting
        .answer()
        .complete(new Harmed(order, waiting.generation(), message.pid(), now, message.how()));
  }
}
