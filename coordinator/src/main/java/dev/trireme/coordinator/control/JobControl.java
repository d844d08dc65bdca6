package dev.trireme.coordinator.control;

import dev.trireme.coordinator.ClusterProbe;
import dev.trireme.coordinator.ClusterStatus;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobListener;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.coordinator.life.JobRun;
import dev.trireme.coordinator.life.Time;
import dev.trireme.coordinator.rundir.Origin;
import dev.trireme.coordinator.rundir.RunDirectory;
import dev.trireme.coordinator.store.JobStore;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.HarmAnswered;
import dev.trireme.protocol.AgentToCoordinator.Inventory;
import dev.trireme.protocol.AgentToCoordinator.LeaseOver;
import dev.trireme.protocol.AgentToCoordinator.Leaving;
import dev.trireme.protocol.AgentToCoordinator.ProbeDone;
import dev.trireme.protocol.AgentToCoordinator.ProbeOpened;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RanksRefused;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToCoordinator.Said;
import dev.trireme.protocol.AgentToCoordinator.SparesReady;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.protocol.CoordinatorToAgent.Heard;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.Stored.JobRecord;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/**
 * All that the active coordinator decides and remembers.
 *
 * <p>Threading: one thread. Calls block for as long as the job store and the run directories take
 * to be written: a coordinator must not act on what the next one would not know.
 */
public final class JobControl implements AutoCloseable {
  /** For so long a term that was confirmed is taken to be the highest; far less than the margin. */
  private static final Duration CONFIRMED = Duration.ofSeconds(4);

  private final String name;
  private final JobStore store;
  private final Timing timing;
  private final Time time;
  private final BiConsumer<String, CoordinatorToAgent> out;
  private final AgentTable agents = new AgentTable();
  private final LiveJobs jobs;
  private final Placing placing;
  private final AgentWatch watch;
  private final Probing probing;
  private final HarmDesk harms;
  private final LostResults results = new LostResults();
  private long term;
  private long generation;
  private long lastJob;
  private final Duration lease;
  private long confirmedAt;
  private Optional<Origin> origin = Optional.empty();

  /**
   * Takes over: raises the term, loads the jobs, and goes on with their ranks as soon as their
   * agents tell of them.
   *
   * @param name of the coordinator
   * @param frames yields unguessable numbers
   * @param out sends a command to an agent; does not block
   * @throws CoordinatorException when the store cannot be read or written
   */
  public JobControl(
      String name,
      JobStore store,
      Timing timing,
      Time time,
      LongSupplier frames,
      BiConsumer<String, CoordinatorToAgent> out) {
    this.name = name;
    this.store = store;
    this.timing = timing;
    this.time = time;
    this.out = out;
    this.jobs = new LiveJobs(time, this::open, store::remove);
    this.placing = new Placing(jobs, agents, () -> ++generation, frames, time);
    this.probing = new Probing(time, frames, out, () -> term);
    this.harms = new HarmDesk(time);
    this.watch = new AgentWatch(jobs, agents, timing, time, () -> term, out);
    this.lease = timing.lease();
    this.confirmedAt = time.nanos();
    this.term = store.raiseTerm(0);
    List<JobRecord> records = new ArrayList<>(store.jobs());
    records.sort(Comparator.comparingLong(r -> JobIds.number(r.jobId())));
    this.lastJob = Succession.lastJob(records);
    this.generation = Succession.lastGeneration(records);
    try {
      new Succession(name, term, store, jobs).takeOver(records);
    } catch (RuntimeException e) {
      jobs.close();
      throw e;
    }
    results.look(records, jobs, time.now());
  }

  private Job open(JobRecord record) {
    results.inUse(record.runDirectory());
    RunDirectory directory =
        RunDirectory.open(Path.of(record.runDirectory()), record.resolvedSpec());
    try {
      return new Job(
          record, directory, timing, time, () -> term, store::put, out, jobs::waitsChanged);
    } catch (RuntimeException e) {
      directory.close();
      throw e;
    }
  }

  /** The term that this coordinator acts under. */
  public long term() {
    return term;
  }

  /** How long until {@link #onTime} is to be called; empty when nothing is waited for. */
  public Optional<Duration> nextDeadline() {
    return Stream.of(jobs.nextDeadline(), probing.nextDeadline())
        .flatMap(Optional::stream)
        .min(Duration::compareTo);
  }

  /** Acts on the waits that are over. */
  public void onTime() {
    confirm();
    probing.onTime();
    for (Job job : jobs.due()) {
      jobs.guarded(job, job.run()::onTime);
    }
    placing.schedule();
  }

  /** Accepts a job; see {@link JobService#submit}. */
  public String submit(JobSubmission submission) {
    Acceptance.require(submission, jobs);
    String jobId = JobIds.of(lastJob + 1);
    JobRecord record = Acceptance.record(jobId, term, submission, time.now());
    Job job = jobs.open(record);
    try {
      job.run().accept();
    } catch (RuntimeException e) {
      jobs.discard(job);
      throw e;
    }
    lastJob++;
    generation = Math.max(generation, submission.generationsBefore());
    placing.schedule();
    return jobId;
  }

  /** Ends a job; see {@link JobService#cancel}. */
  public void cancel(String jobId, String reason, boolean checkpoint) {
    confirm();
    Optional<Job> found = jobs.find(jobId);
    if (found.isPresent()) {
      Job job = found.get();
      jobs.guarded(job, () -> job.run().cancel(reason, checkpoint));
      placing.schedule();
    } else if (jobs.endedStatus(jobId).isEmpty()) {
      throw LiveJobs.unknown(jobId);
    }
  }

  /** Changes the number of a job's ranks; see {@link JobService#scale}. */
  public void scale(String jobId, int workers) {
    jobs.require(jobId).run().scale(workers);
    placing.schedule();
  }

  /** Changes the number of a job's servers; see {@link JobService#scaleServers}. */
  public void scaleServers(String jobId, int servers) {
    jobs.require(jobId).run().scaleServers(servers);
    placing.schedule();
  }

  /**
   * Orders what is to be done to a job; see {@link JobService#harm}.
   *
   * @return completed on this thread when the agent has answered
   */
  public CompletableFuture<JobService.Harmed> harm(String jobId, JobService.HarmOrder order) {
    return harms.order(jobs.require(jobId), order, term, out);
  }

  /** Runs a job again; see {@link JobService#resume}. */
  public void resume(String jobId) {
    JobState state =
        jobs.endedStatus(jobId)
            .map(JobStatus::state)
            .orElseThrow(
                () ->
                    jobs.find(jobId).isEmpty()
                        ? LiveJobs.unknown(jobId)
                        : new CoordinatorException(jobId + " has not ended"));
    JobRecord record =
        store.jobs().stream()
            .filter(r -> r.jobId().equals(jobId))
            .findAny()
            .orElseThrow(() -> LiveJobs.unknown(jobId));
    if (state == JobState.SUCCEEDED) {
      throw new CoordinatorException(jobId + " has succeeded: there is nothing to continue");
    }
    Job job = jobs.reopen(record);
    jobs.guarded(job, () -> job.run().restart("continues after it was " + state));
    placing.schedule();
  }

  /** Adds a listener; see {@link JobService#watch}. */
  public JobService.Subscription watch(String jobId, JobListener listener) {
    return jobs.hub(jobId).watch(listener);
  }

  /** How a job stands; empty where there is no such job. */
  public Optional<JobStatus> status(String jobId) {
    return jobs.status(jobId);
  }

  /** How all jobs stand, oldest first. */
  public List<JobStatus> list() {
    return jobs.statuses();
  }

  /** Has all hosts look at themselves and the ways between them; see {@link JobService#probe}. */
  public CompletableFuture<ClusterProbe> probe() {
    return probing.start(agents.hosts());
  }

  /** Who has joined, and what is free. */
  public ClusterStatus cluster() {
    return new ClusterStatus(name, term, placing.ledger().status());
  }

  /**
   * An agent has joined, or joins again; it must be told the answer.
   *
   * @return the answer
   * @throws CoordinatorException when what it claims to know cannot be, or the new term cannot be
   *     kept; nothing has changed then
   */
  public AgentAccepted onRegistration(RegisterAgent agent) {
    if (Math.max(agent.highestTerm(), agent.highestGeneration()) >= Stamp.MAX) {
      throw new CoordinatorException(
          "it claims term %d and generation %d, more than there can have been"
              .formatted(agent.highestTerm(), agent.highestGeneration()));
    }
    confirm();
    Hearing hearing = watch.hearing(agent);
    boolean known = agents.find(agent.agentId()).isPresent();
    if (agent.highestTerm() > term || !known && agent.highestTerm() == term) {
      // It has obeyed somebody we do not know of: this coordinator's store was lost or replaced.
      term = store.raiseTerm(agent.highestTerm());
    }
    generation = Math.max(generation, agent.highestGeneration());
    agents.put(agent);
    hearing.answered(time.nanos());
    placing.schedule();
    return new AgentAccepted(
        new Stamp(term, 0), hearing.name(name + "/" + term), lease.toMillis(), agent.sentNanos());
  }

  /**
   * A lease may be given only by who is the active one for sure, or was a moment ago; and only such
   * a one may write into a run's files, which the store does not guard.
   */
  private void confirm() {
    long now = time.nanos();
    if (!lease.isZero() && now - confirmedAt >= CONFIRMED.toNanos()) {
      store.confirm();
      confirmedAt = now;
    }
  }

  /**
   * An agent is not heard of any more: it has left the cluster or was cut off. Unless it said that
   * it leaves, its ranks may go on until its lease is over.
   */
  public void onAgentGone(String agentId) {
    confirm();
    if (watch.gone(agentId)) {
      placing.schedule();
    }
  }

  /** An agent has ended, and its ranks with it. */
  public void onAgentLost(String agentId) {
    if (watch.lost(agentId)) {
      placing.schedule();
    }
  }

  /** An agent has said something; what is numbered is taken in once, in order, and answered. */
  public void onMessage(AgentToCoordinator message) {
    if (message instanceof Said said) {
      hear(said);
    } else {
      takeIn(message);
    }
  }

  private void hear(Said said) {
    Optional<Hearing> heard = watch.find(said.agentId());
    if (heard.filter(h -> h.isOf(said.incarnation())).isEmpty()) {
      return;
    }
    confirm();
    Hearing hearing = heard.get();
    if (hearing.isNext(said)) {
      origin = Optional.of(hearing.origin(said));
      try {
        takeIn(said.message());
      } finally {
        origin = Optional.empty();
      }
      hearing.took(said.number());
    }
    out.accept(said.agentId(), new Heard(new Stamp(term, 0), hearing.last()));
  }

  private void takeIn(AgentToCoordinator message) {
    if (message instanceof Inventory inventory) {
      watch.onInventory(inventory);
      placing.schedule();
    } else if (message instanceof Leaving leaving) {
      onAgentLost(leaving.agentId());
    } else if (message instanceof LeaseOver over) {
      toJob(over.jobId(), message, over.generation(), run -> run.onLeaseOver(over.generation()));
    } else if (message instanceof RankStarted started) {
      toJob(
          started.jobId(),
          message,
          started.generation(),
          run -> run.onStarted(started.generation(), started.rank(), started.pid()));
    } else if (message instanceof FromRank report) {
      toJob(report.jobId(), message, report.generation(), run -> run.onReport(report));
    } else if (message instanceof SparesReady ready) {
      toJob(ready.jobId(), message, 0, run -> run.onSpares(ready.agentId(), ready.count()));
    } else if (message instanceof ProbeOpened opened) {
      probing.onOpened(opened);
    } else if (message instanceof ProbeDone done) {
      probing.onDone(done);
    } else if (message instanceof RanksRefused refused) {
      String host =
          agents.find(refused.agentId()).map(RegisterAgent::host).orElse(refused.agentId());
      toJob(
          refused.jobId(),
          message,
          refused.generation(),
          run -> run.onHostRefused(refused.agentId(), host, refused.generation(), refused.why()));
    } else if (message instanceof HarmAnswered answer) {
      harms.answered(answer, jobs.find(answer.jobId()));
    } else if (message instanceof RankExited exited) {
      jobs.find(exited.jobId())
          .ifPresent(
              job -> {
                jobs.guarded(
                    job,
                    () ->
                        job.because(
                            origin,
                            () ->
                                job.run()
                                    .onExited(exited.generation(), exited.rank(), exited.exit())));
                placing.schedule();
              });
    }
  }

  private void toJob(
      String jobId, AgentToCoordinator message, long itsGeneration, Consumer<JobRun> action) {
    Optional<Job> found = jobs.find(jobId);
    if (found.isPresent()) {
      Job job = found.get();
      JobState before = job.run().state();
      jobs.guarded(job, () -> job.because(origin, () -> action.accept(job.run())));
      JobState state = job.run().state();
      if (job.run().wantsFormation() || state.isFinal() || state != before) {
        placing.schedule();
      }
      return;
    }
    if (watch.find(message.agentId()).filter(h -> !h.isComplete()).isEmpty()) {
      watch.endRanks(message.agentId(), jobId, itsGeneration);
    }
  }

  /** Lets go of files and listeners; what runs goes on running. */
  @Override
  public void close() {
    results.close();
    jobs.close();
  }
}
