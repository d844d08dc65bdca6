package dev.trireme.coordinator.control;

import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.QueueSpec;
import dev.trireme.coordinator.life.JobRun;
import dev.trireme.coordinator.schedule.Backings;
import dev.trireme.coordinator.schedule.Reformation;
import dev.trireme.coordinator.schedule.Scheduler;
import dev.trireme.coordinator.schedule.SchedulingDecision;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.protocol.Backing;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.Stored.JobRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets the scheduler decide who runs where, and has it done: describes the jobs and the agents to
 * its pure functions, and tells each job what came of it.
 */
final class Placing {
  private static final Logger LOG = LoggerFactory.getLogger(Placing.class);

  private final LiveJobs jobs;
  private final AgentTable agents;
  private final LongSupplier generations;
  private final LongSupplier frames;

  /**
   * @param generations yields the next generation, higher than any before it
   * @param frames yields unguessable numbers
   */
  Placing(LiveJobs jobs, AgentTable agents, LongSupplier generations, LongSupplier frames) {
    this.jobs = jobs;
    this.agents = agents;
    this.generations = generations;
    this.frames = frames;
  }

  /** Decides anew, after anything that may matter to it. */
  void schedule() {
    // Those that have run go first: their survivors hold state, and slots that nobody else can use.
    for (Job job : jobs.snapshot()) {
      if (job.run().wantsFormation()) {
        Optional<String> hopeless = job.run().hopeless(agents.slots(jobs::slotsHeld));
        if (hopeless.isPresent()) {
          jobs.guarded(job, () -> job.run().refuseSpec(hopeless.get()));
          continue;
        }
        apply(Reformation.decide(job.run().situation(agents.slots(jobs::slotsHeld))));
      }
    }
    List<Scheduler.WaitingJob> queue = new ArrayList<>();
    List<Scheduler.RunningJob> running = new ArrayList<>();
    for (Job job : jobs.all()) {
      if (job.run().state() == JobState.QUEUED) {
        queue.add(waiting(job.run().record()));
      } else {
        job.run().holding().ifPresent(h -> running.add(running(job.run().record(), h)));
      }
    }
    Scheduler.Plan plan =
        Scheduler.decide(new Scheduler.Situation(queue, running, agents.slots(jobs::slotsHeld)));
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
        holding.shares(),
        holding.target(),
        holding.settled());
  }

  private void demand(Scheduler.Demand demand) {
    Job job = jobs.require(demand.jobId());
    if (demand instanceof Scheduler.Resize resize) {
      jobs.guarded(job, () -> job.run().allow(resize.shares()));
    } else {
      jobs.guarded(job, () -> job.run().preempt(demand.reason()));
    }
  }

  private void apply(SchedulingDecision decision) {
    Job job = jobs.require(decision.jobId());
    if (decision instanceof Form form) {
      Backings.Ruling backing = Backings.decide(backs(job.run(), form));
      if (backing instanceof Backings.Chosen chosen) {
        LOG.info("{}: {}", decision.jobId(), chosen.backing().reason());
        form(job, form, chosen.backing());
      } else if (backing instanceof Backings.Impossible impossible) {
        jobs.guarded(job, () -> job.run().refuse(impossible.reason()));
      }
    } else {
      jobs.guarded(job, () -> job.run().waitBecause(decision.reason()));
    }
  }

  private void form(Job job, Form form, Backing backing) {
    long generation = generations.getAsLong();
    long frame = frames.getAsLong();
    jobs.guarded(job, () -> job.run().form(form, agents.hosts(), generation, frame, backing));
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
}
