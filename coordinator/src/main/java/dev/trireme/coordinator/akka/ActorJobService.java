package dev.trireme.coordinator.akka;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.Props;
import dev.trireme.coordinator.ClusterProbe;
import dev.trireme.coordinator.ClusterStatus;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobListener;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.coordinator.control.JobControl;
import dev.trireme.coordinator.life.Time;
import dev.trireme.coordinator.store.JobStore;
import dev.trireme.protocol.akka.CoordinatorInbox;
import java.security.SecureRandom;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Asks the coordinator's actor and waits for its answer; once the actor has ended, whatever of,
 * every question is answered at once with that.
 */
final class ActorJobService implements JobService {
  private static final int AFTER_ITS_TURN_SECONDS = PROBE_SECONDS - TIMEOUT_SECONDS;

  static final String DISPATCHER = "trireme.coordinator-dispatcher";

  private final ActorRef<CoordinatorInbox> coordinator;
  private final Set<CompletableFuture<?>> pending = ConcurrentHashMap.newKeySet();
  private final AtomicReference<String> over = new AtomicReference<>("");

  private ActorJobService(
      ActorRef<CoordinatorInbox> coordinator, CompletionStage<Throwable> failure) {
    this.coordinator = coordinator;
    failure.thenAccept(e -> end(told(e)));
  }

  private static String told(Throwable failure) {
    return failure instanceof CoordinatorException
        ? "the coordinator has ended: " + failure.getMessage()
        : "the coordinator has failed ("
            + failure
            + "): this is a bug, please report it with the log";
  }

  /**
   * Starts the coordinator's actor.
   *
   * @param runner runs a behaviour
   * @param name of the coordinator
   * @param store belongs to the caller
   * @param active true while the actor here is the one that is active
   * @param several whether other coordinators may take over, and a failed take-over is tried again
   * @param onFault told of an error of ours that has ended the actor, which nothing starts again
   */
  static ActorJobService start(
      BiFunction<Behavior<CoordinatorInbox>, Props, ActorRef<CoordinatorInbox>> runner,
      String name,
      Timing timing,
      JobStore store,
      AtomicBoolean active,
      boolean several,
      Consumer<Throwable> onFault) {
    SecureRandom random = new SecureRandom();
    CompletableFuture<Throwable> failure = new CompletableFuture<>();
    Behavior<CoordinatorInbox> behavior =
        CoordinatorActor.create(
            active,
            several,
            out -> new JobControl(name, store, timing, Time.SYSTEM, random::nextLong, out),
            failure::complete);
    failure
        .thenApply(e -> e)
        .thenAccept(
            e -> {
              if (!(e instanceof CoordinatorException)) {
                onFault.accept(e);
              }
            });
    return new ActorJobService(
        runner.apply(behavior, DispatcherSelector.fromConfig(DISPATCHER)), failure);
  }

  void close() {
    end("the coordinator was closed");
  }

  private void end(String why) {
    if (over.compareAndSet("", why)) {
      pending.forEach(answer -> answer.completeExceptionally(new CoordinatorException(why)));
    }
  }

  @Override
  public String submit(JobSubmission submission) {
    return ask(control -> control.submit(submission));
  }

  @Override
  public void cancel(String jobId, String reason) {
    cancel(jobId, reason, false);
  }

  @Override
  public void cancelWithCheckpoint(String jobId, String reason) {
    cancel(jobId, reason, true);
  }

  private void cancel(String jobId, String reason, boolean checkpoint) {
    ask(
        control -> {
          control.cancel(jobId, reason, checkpoint);
          return "";
        });
  }

  @Override
  public void scale(String jobId, int workers) {
    ask(
        control -> {
          control.scale(jobId, workers);
          return "";
        });
  }

  @Override
  public void scaleServers(String jobId, int servers) {
    ask(
        control -> {
          control.scaleServers(jobId, servers);
          return "";
        });
  }

  @Override
  public Harmed harm(String jobId, HarmOrder order) {
    CompletableFuture<Harmed> told = ask(control -> control.harm(jobId, order));
    pending.add(told);
    try {
      return await(told, "the agent of " + jobId);
    } finally {
      pending.remove(told);
    }
  }

  @Override
  public void resume(String jobId) {
    ask(
        control -> {
          control.resume(jobId);
          return "";
        });
  }

  @Override
  public Optional<JobStatus> status(String jobId) {
    return ask(control -> control.status(jobId));
  }

  @Override
  public List<JobStatus> list() {
    return ask(JobControl::list);
  }

  @Override
  public ClusterStatus cluster() {
    return ask(JobControl::cluster);
  }

  @Override
  public ClusterProbe probe() {
    CompletableFuture<ClusterProbe> answer = ask(JobControl::probe);
    try {
      return answer.get(AFTER_ITS_TURN_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new CoordinatorException(
          "the hosts' probe did not end within " + AFTER_ITS_TURN_SECONDS + " s", e);
    } catch (ExecutionException e) {
      throw new CoordinatorException("the hosts' probe did not end: " + e, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CoordinatorException("interrupted while waiting for the hosts' probe", e);
    }
  }

  @Override
  public Subscription watch(String jobId, JobListener listener) {
    return ask(control -> control.watch(jobId, listener));
  }

  private <T> T ask(Function<JobControl, T> work) {
    CompletableFuture<T> answer = new CompletableFuture<>();
    pending.add(answer);
    // In this order: an end between the two finds the answer and completes it.
    if (!over.get().isEmpty()) {
      pending.remove(answer);
      throw new CoordinatorException(over.get());
    }
    coordinator.tell(new Request<>(work, answer));
    try {
      return await(answer, "the coordinator");
    } finally {
      pending.remove(answer);
    }
  }

  private static <T> T await(CompletableFuture<T> answer, String who) {
    try {
      return answer.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new CoordinatorException(who + " did not answer within " + TIMEOUT_SECONDS + " s", e);
    } catch (ExecutionException e) {
      // Thrown on the coordinator's thread: the same error, told from here.
      throw e.getCause() instanceof CoordinatorException told
          ? new CoordinatorException(told.getMessage(), told)
          : new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CoordinatorException("interrupted while waiting for " + who, e);
    }
  }
}
