package dev.trireme.coordinator.control;

import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.QueueSpec;
import dev.trireme.coordinator.ClusterStatus;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobListener;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.coordinator.control.AgentTable.Agent;
import dev.trireme.coordinator.life.JobRun;
import dev.trireme.coordinator.life.Time;
import dev.trireme.coordinator.rundir.RunDirectory;
import dev.trireme.coordinator.schedule.Backings;
import dev.trireme.coordinator.schedule.Reformation;
import dev.trireme.coordinator.schedule.Scheduler;
import dev.trireme.coordinator.schedule.SchedulingDecision;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.store.JobStore;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.HarmAnswered;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToCoordinator.SparesReady;
import dev.trireme.protocol.Backing;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.Stored.GenerationRecord;
import dev.trireme.protocol.Stored.JobRecord;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All that the active coordinator decides and remembers.
 *
 * <p>Threading: one thread. Calls block for as long as the job store and the run directories take
 * to be written: a coordinator must not act on what the next one would not know.
 */
public final class JobControl implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(JobControl.class);

  /** Jobs that have not ended; the scheduler looks at all of them at every change. */
  private static final int MAX_LIVE = 10_000;

  /** In characters; what crosses the wire has a bound, and holds more than the spec. */
  private static final int MAX_SPEC = 256 << 10;

  private final String name;
  private final JobStore store;
  private final Timing timing;
  private final Time time;
  private final LongSupplier frames;
  private final BiConsumer<String, CoordinatorToAgent> out;
  private final AgentTable agents = new AgentTable();
  private final Map<Long, Job> live = new TreeMap<>();
  private final EndedJobs ended = new EndedJobs();
  private final HarmDesk harms;
  private long term;
  private long generation;
  private long lastJob;

  /**
   * Takes over: raises the term, loads the jobs, and gives up those whose ranks ended with the
   * coordinator before.
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
    this.frames = frames;
    this.out = out;
    this.harms = new HarmDesk(time);
    this.term = store.raiseTerm(0);
    List<JobRecord> records = new ArrayList<>(store.jobs());
    records.sort(Comparator.comparingLong(r -> JobIds.number(r.jobId())));
    records.forEach(this::takeOver);
  }

  private void takeOver(JobRecord record) {
    lastJob = Math.max(lastJob, JobIds.number(record.jobId()));
    for (GenerationRecord each : record.generations()) {
      generation = Math.max(generation, each.generation());
    }
    if (record.state().isFinal()) {
      ended.add(record).ifPresent(this::forget);
      return;
    }
    Job job;
    try {
      job = open(record);
    } catch (CoordinatorException e) {
      LOG.error("{} cannot go on: {}", record.jobId(), e.getMessage());
      ended.add(record).ifPresent(this::forget);
      return;
    }
    if (record.state() == JobState.STOPPING) {
      guarded(
          job, () -> job.run().abandon("the coordinator was restarted while the job was STOPPING"));
    } else if (record.state() != JobState.QUEUED) {
      guarded(
          job,
          () ->
              job.run()
                  .restart("the coordinator was restarted while the job was " + record.state()));
    }
  }

  private Job open(JobRecord record) {
    RunDirectory directory =
        RunDirectory.open(Path.of(record.runDirectory()), record.resolvedSpec());
    Job job = new Job(record, directory, timing, time, () -> term, store::put, out);
    live.put(JobIds.number(record.jobId()), job);
    return job;
  }

  /** The term that this coordinator acts under. */
  public long term() {
    return term;
  }

  /** How long until {@link #onTime} is to be called; empty when nothing is waited for. */
  public Optional<Duration> nextDeadline() {
    return live.values().stream()
        .flatMap(job -> job.run().nextDeadline().stream())
        .min(Duration::compareTo);
  }

  /** Acts on the waits that are over. */
  public void onTime() {
    for (Job job : List.copyOf(live.values())) {
      guarded(job, job.run()::onTime);
    }
    schedule();
  }

  /** Accepts a job; see {@link JobService#submit}. */
  public String submit(JobSubmission submission) {
    Path directory = submission.runDirectory().normalize();
    requireAcceptable(submission, directory);
    String jobId = JobIds.of(lastJob + 1);
    JobRecord record =
        new JobRecord(
            jobId,
            term,
            1,
            submission.job(),
            submission.resolvedSpec(),
            directory.toString(),
            submission.user(),
            time.now().toEpochMilli(),
            JobState.QUEUED,
            "accepted",
            List.of());
    Job job = open(record);
    try {
      job.run().accept();
    } catch (RuntimeException e) {
      live.remove(lastJob + 1);
      job.close();
      throw e;
    }
    lastJob++;
    schedule();
    return jobId;
  }

  private void requireAcceptable(JobSubmission submission, Path directory) {
    if (live.size() >= MAX_LIVE) {
      throw new CoordinatorException(
          MAX_LIVE + " jobs have not ended, the most there may be; cancel some or wait");
    }
    if (submission.resolvedSpec().length() > MAX_SPEC) {
      throw new CoordinatorException(
          "a job spec has at most "
              + MAX_SPEC
              + " characters, found "
              + submission.resolvedSpec().length());
    }
    for (Job job : live.values()) {
      if (directory.equals(Path.of(job.run().record().runDirectory()))) {
        throw new CoordinatorException(
            "run directory "
                + directory
                + " belongs to "
                + job.run().record().jobId()
                + ", which has not ended; choose another");
      }
    }
  }

  /** Ends a job; see {@link JobService#cancel}. */
  public void cancel(String jobId, String reason, boolean checkpoint) {
    Job job = find(jobId);
    if (job != null) {
      guarded(job, () -> job.run().cancel(reason, checkpoint));
      schedule();
    } else if (ended.status(jobId).isEmpty()) {
      throw unknown(jobId);
    }
  }

  /** Changes the number of a job's ranks; see {@link JobService#scale}. */
  public void scale(String jobId, int workers) {
    requireLive(jobId).run().scale(workers);
    schedule();
  }

  /**
   * Orders what is to be done to a job; see {@link JobService#harm}.
   *
   * @return completed on this thread when the agent has answered
   */
  public CompletableFuture<JobService.Harmed> harm(String jobId, JobService.HarmOrder order) {
    return harms.order(requireLive(jobId), order, term, out);
  }

  /** Runs a job again; see {@link JobService#resume}. */
  public void resume(String jobId) {
    JobState state =
        ended
            .status(jobId)
            .map(JobStatus::state)
            .orElseThrow(
                () ->
                    find(jobId) == null
                        ? unknown(jobId)
                        : new CoordinatorException(jobId + " has not ended"));
    JobRecord record =
        store.jobs().stream()
            .filter(r -> r.jobId().equals(jobId))
            .findAny()
            .orElseThrow(() -> unknown(jobId));
    if (state == JobState.SUCCEEDED) {
      throw new CoordinatorException(jobId + " has succeeded: there is nothing to continue");
    }
    Job job = open(record);
    ended.remove(jobId);
    guarded(job, () -> job.run().restart("continues after it was " + state));
    schedule();
  }

  private Job requireLive(String jobId) {
    Job job = find(jobId);
    if (job == null) {
      throw ended
          .status(jobId)
          .map(status -> new CoordinatorException(jobId + " has ended: " + status.state()))
          .orElseGet(() -> unknown(jobId));
    }
    return job;
  }

  /** Adds a listener; see {@link JobService#watch}. */
  public JobService.Subscription watch(String jobId, JobListener listener) {
    Job job = find(jobId);
    JobHub hub = job != null ? job.hub() : ended.hub(jobId).orElse(null);
    if (hub != null) {
      return hub.watch(listener);
    }
    throw ended
        .status(jobId)
        .map(
            status ->
                new CoordinatorException(
                    jobId + " ended a while ago; its events are in " + status.runDirectory()))
        .orElseGet(() -> unknown(jobId));
  }

  /** How all jobs stand, oldest first. */
  public List<JobStatus> list() {
    List<JobStatus> all = new ArrayList<>(ended.statuses());
    live.values().forEach(job -> all.add(EndedJobs.statusOf(job.run().record())));
    all.sort(Comparator.comparingLong(status -> JobIds.number(status.jobId())));
    return List.copyOf(all);
  }

  /** Who has joined, and what is free. */
  public ClusterStatus cluster() {
    return new ClusterStatus(name, term, agents.status(this::slotsHeld));
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
    boolean known = agents.find(agent.agentId()).isPresent();
    if (agent.highestTerm() > term || !known && agent.highestTerm() == term) {
      // It has obeyed somebody we do not know of: this coordinator's store was lost or replaced.
      term = store.raiseTerm(agent.highestTerm());
    }
    generation = Math.max(generation, agent.highestGeneration());
    agents.put(
        new Agent(
            agent.agentId(),
            agent.host(),
            Math.max(0, agent.slots()),
            new Backings.HostDevices(agent.host(), agent.devices().size(), agent.noDevices())));
    schedule();
    return new AgentAccepted(new Stamp(term, 0), name + "/" + term);
  }

  /** An agent has left the cluster or was cut off. */
  public void onAgentLost(String agentId) {
    agents
        .remove(agentId)
        .ifPresent(
            agent -> {
              for (Job job : List.copyOf(live.values())) {
                guarded(job, () -> job.run().onAgentLost(agentId, agent.host()));
              }
              schedule();
            });
  }

  /** An agent has said something of a rank. */
  public void onMessage(AgentToCoordinator message) {
    if (message instanceof RankStarted started) {
      toJob(
          started.jobId(),
          message,
          started.generation(),
          run -> run.onStarted(started.generation(), started.rank(), started.pid()));
    } else if (message instanceof FromRank report) {
      toJob(report.jobId(), message, report.generation(), run -> run.onReport(report));
    } else if (message instanceof SparesReady ready) {
      toJob(ready.jobId(), message, 0, run -> run.onSpares(ready.agentId(), ready.count()));
    } else if (message instanceof HarmAnswered answer) {
      harms.answered(answer, find(answer.jobId()));
    } else if (message instanceof RankExited exited) {
      Job job = find(exited.jobId());
      if (job != null) {
        guarded(job, () -> job.run().onExited(exited.generation(), exited.rank(), exited.exit()));
        schedule();
      }
    }
  }

  private void toJob(
      String jobId, AgentToCoordinator message, long itsGeneration, Consumer<JobRun> action) {
    Job job = find(jobId);
    if (job != null) {
      JobState before = job.run().state();
      guarded(job, () -> action.accept(job.run()));
      JobState state = job.run().state();
      if (job.run().wantsFormation() || state.isFinal() || state != before) {
        schedule();
      }
      return;
    }
    LOG.warn("agent {} runs ranks of {}, which is over: ending them", message.agentId(), jobId);
    Stamp stamp = new Stamp(term, Math.max(0, itsGeneration));
    out.accept(message.agentId(), new EndRanks(stamp, jobId, 0, "the job is over"));
  }

  private void schedule() {
    // Those that have run go first: their survivors hold state, and slots that nobody else can use.
    for (Job job : List.copyOf(live.values())) {
      if (job.run().wantsFormation()) {
        apply(Reformation.decide(job.run().situation(agents.slots(this::slotsHeld))));
      }
    }
    List<Scheduler.WaitingJob> queue = new ArrayList<>();
    List<Scheduler.RunningJob> running = new ArrayList<>();
    for (Job job : live.values()) {
      if (job.run().state() == JobState.QUEUED) {
        queue.add(waiting(job.run().record()));
      } else {
        job.run().holding().ifPresent(h -> running.add(running(job.run().record(), h)));
      }
    }
    Scheduler.Plan plan =
        Scheduler.decide(new Scheduler.Situation(queue, running, agents.slots(this::slotsHeld)));
    plan.decisions().forEach(this::apply);
    plan.demands().forEach(this::demand);
  }

  private static Scheduler.WaitingJob waiting(JobRecord r) {
    QueueSpec queue = r.job().queue();
    return new Scheduler.WaitingJob(
        r.jobId(), r.job().parallel().ranks(), queue.priority(), r.user(), queue.placing());
  }

  private static Scheduler.RunningJob running(JobRecord r, JobRun.Holding holding) {
    return new Scheduler.RunningJob(
        r.jobId(),
        r.job().parallel().ranks(),
        r.job().queue().priority(),
        r.user(),
        holding.agentId(),
        holding.held(),
        holding.target(),
        holding.settled());
  }

  private void demand(Scheduler.Demand demand) {
    Job job = find(demand.jobId());
    if (demand instanceof Scheduler.Resize resize) {
      guarded(job, () -> job.run().allow(resize.to()));
    } else {
      guarded(job, () -> job.run().preempt(demand.reason()));
    }
  }

  private int slotsHeld(String agentId) {
    return live.values().stream().mapToInt(job -> job.run().slotsHeldOn(agentId)).sum();
  }

  private void apply(SchedulingDecision decision) {
    Job job = find(decision.jobId());
    if (decision instanceof Form form) {
      Backings.Ruling backing = Backings.decide(backs(job.run(), form));
      if (backing instanceof Backings.Chosen chosen) {
        LOG.info("{}: {}", decision.jobId(), chosen.backing().reason());
        form(job, form, chosen.backing());
      } else if (backing instanceof Backings.Impossible impossible) {
        guarded(job, () -> job.run().refuse(impossible.reason()));
      }
    } else {
      guarded(job, () -> job.run().waitBecause(decision.reason()));
    }
  }

  private void form(Job job, Form form, Backing backing) {
    generation++;
    guarded(
        job, () -> job.run().form(form, agents.hosts(), generation, frames.getAsLong(), backing));
  }

  private Backings.Situation backs(JobRun run, Form form) {
    return new Backings.Situation(
        run.record().job(),
        form.placements(),
        agents.devices(),
        run.backing().map(Backing::device),
        run.backendRefusal(),
        Boolean.getBoolean(ParallelSpec.TEST_NCCL_ON_HOST));
  }

  /** Does something to a job, and lets a fault of ours cost no other job its life. */
  private void guarded(Job job, Runnable action) {
    try {
      action.run();
    } catch (RuntimeException e) {
      LOG.error("handling {}", job.run().record().jobId(), e);
      try {
        job.run().onInternalError(e);
      } catch (RuntimeException again) {
        LOG.error("giving up {}", job.run().record().jobId(), again);
      }
    }
    if (job.run().state().isFinal()) {
      live.remove(JobIds.number(job.run().record().jobId()));
      ended.add(job).ifPresent(this::forget);
    }
  }

  private void forget(String jobId) {
    try {
      store.remove(jobId);
    } catch (CoordinatorException e) {
      LOG.warn("{} is kept longer than it should be: {}", jobId, e.getMessage());
    }
  }

  private Job find(String jobId) {
    return live.get(JobIds.number(jobId));
  }

  private static CoordinatorException unknown(String jobId) {
    return new CoordinatorException(
        "there is no job '" + jobId + "'; 'trireme job list' shows those there are");
  }

  /** Lets go of files and listeners; what runs goes on running. */
  @Override
  public void close() {
    live.values().forEach(Job::close);
  }
}
