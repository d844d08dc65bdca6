package dev.trireme.coordinator;

import dev.trireme.protocol.HarmKind;
import dev.trireme.protocol.Probe;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What a coordinator does for those who have jobs.
 *
 * <p>Threading: any thread. Every call but {@link #probe} waits for the coordinator for at most
 * {@link #TIMEOUT_SECONDS} and then throws {@link CoordinatorException}; so it does after the
 * coordinator was closed.
 */
public interface JobService {
  /** How long a call waits for its answer. */
  int TIMEOUT_SECONDS = 20;

  /** How long {@link #probe} waits in all: for its turn, and for longer than a probe can take. */
  int PROBE_SECONDS = TIMEOUT_SECONDS + Probe.LONGEST_SECONDS + 5;

  /**
   * Accepts a job: when this returns it is durable, and will be run as soon as its ranks fit.
   * Trying again after a failure may leave the job there twice.
   *
   * @return the job's id, as {@code job-1}
   * @throws CoordinatorException when the run directory cannot be written or another job has it
   */
  String submit(JobSubmission submission);

  /**
   * Ends a job: one that waits at once; one that runs after its current step, or by force when it
   * has not stopped after a grace. Asked again while it stops, ends it by force at once. Does
   * nothing to a job that has ended.
   *
   * @param reason for people, shown with the job
   * @throws CoordinatorException when there is no such job
   */
  void cancel(String jobId, String reason);

  /**
   * Changes the number of a job's ranks, at a step boundary. Returns before that has happened, and
   * once the next coordinator would go on with it, too. To ask again does no harm.
   *
   * @param workers within the job's {@code parallel.workers}
   * @throws CoordinatorException when there is no such job, it has ended, it cannot have so many,
   *     or that cannot be made durable; nothing has changed then
   */
  void scale(String jobId, int workers);

  /**
   * Changes the number of servers of a job with a parameter server, at a step boundary. Returns
   * before that has happened. New servers start beside the job's first rank, once its agent has
   * slots for them; their shards are moved to them while workers train. Durable as {@link #scale}.
   *
   * @param servers more than the job has backups
   * @throws CoordinatorException as {@link #scale}
   */
  void scaleServers(String jobId, int servers);

  /**
   * Runs a job again that failed or was cancelled, from its newest whole checkpoint.
   *
   * @throws CoordinatorException when there is no such job, or it has not ended or has succeeded
   */
  void resume(String jobId);

  /**
   * As {@link #cancel}, after the job has saved its state: for that it gets as long as a save may
   * take, half an hour, where it would else get seconds.
   */
  void cancelWithCheckpoint(String jobId, String reason);

  /**
   * Harms a running job on purpose, to show what it survives.
   *
   * @return what was done
   * @throws CoordinatorException when nothing was done: there is no such job or rank, it does not
   *     run, or its agent refuses, with the reason
   */
  Harmed harm(String jobId, HarmOrder order);

  /**
   * What is to be done to a job.
   *
   * @param rank whom
   * @param lasting how long, at most an hour; a kill takes no notice of it
   * @param trial whether only to find out if it can be done
   */
  record HarmOrder(HarmKind kind, int rank, Duration lasting, boolean trial) {}

  /**
   * What was done.
   *
   * @param pid of the rank's process
   * @param at when, by the coordinator's clock
   * @param how for people
   */
  record Harmed(HarmOrder order, long generation, long pid, Instant at, String how) {}

  /** How a job stands; empty when there is no such job. */
  Optional<JobStatus> status(String jobId);

  /** How all jobs stand, oldest first. */
  List<JobStatus> list();

  /**
   * Has all hosts look at themselves and measure the ways to each other, which takes half a second
   * for each of them; jobs that run are slowed down meanwhile. Waits for longer than other calls:
   * {@link #PROBE_SECONDS} at most.
   *
   * @throws CoordinatorException when no agent has joined, or too many have
   */
  ClusterProbe probe();

  /** Who has joined, and what is free. */
  ClusterStatus cluster();

  /**
   * Tells a listener all that has happened to a job so far (of progress the latest only) and then
   * what happens, in order, until the job has ended or the subscription is closed.
   *
   * @throws CoordinatorException when there is no such job or it has too many listeners
   */
  Subscription watch(String jobId, JobListener listener);

  /** Ends a listener's subscription. */
  interface Subscription extends AutoCloseable {
    /** At most the one call that is due still happens after this returns. Repeats do nothing. */
    @Override
    void close();
  }
}
