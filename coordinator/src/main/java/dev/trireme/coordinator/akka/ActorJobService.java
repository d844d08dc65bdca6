package dev.trireme.coordinator.akka;

import akka.actor.typed.ActorRef;
import dev.trireme.coordinator.ClusterStatus;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobListener;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.coordinator.control.JobControl;
import dev.trireme.protocol.akka.CoordinatorInbox;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/** Asks the coordinator's actor and waits for its answer. */
final class ActorJobService implements JobService {
  private final ActorRef<CoordinatorInbox> coordinator;
  private final Set<CompletableFuture<?>> pending = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  ActorJobService(ActorRef<CoordinatorInbox> coordinator) {
    this.coordinator = coordinator;
  }

  void close() {
    closed = true;
    pending.forEach(answer -> answer.completeExceptionally(closedException()));
  }

  private static CoordinatorException closedException() {
    return new CoordinatorException("the coordinator was closed");
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
  public void resume(String jobId) {
    ask(
        control -> {
          control.resume(jobId);
          return "";
        });
  }

  @Override
  public Optional<JobStatus> status(String jobId) {
    return list().stream().filter(status -> status.jobId().equals(jobId)).findFirst();
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
  public Subscription watch(String jobId, JobListener listener) {
    return ask(control -> control.watch(jobId, listener));
  }

  private <T> T ask(Function<JobControl, T> work) {
    CompletableFuture<T> answer = new CompletableFuture<>();
    pending.add(answer);
    // In this order: a close between the two finds the answer and completes it.
    if (closed) {
      pending.remove(answer);
      throw closedException();
    }
    coordinator.tell(new Request<>(work, answer));
    try {
      return answer.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new CoordinatorException(
          "the coordinator did not answer within " + TIMEOUT_SECONDS + " s", e);
    } catch (ExecutionException e) {
      // Thrown on the coordinator's thread: the same error, told from here.
      throw e.getCause() instanceof CoordinatorException told
          ? new CoordinatorException(told.getMessage(), told)
          : new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CoordinatorException("interrupted while waiting for the coordinator", e);
    } finally {
      pending.remove(answer);
    }
  }
}
