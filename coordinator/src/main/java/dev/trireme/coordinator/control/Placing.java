package dev.trireme.coordinator.control;

import dev.trireme.coordinator.life.JobRun;
import dev.trireme.coordinator.life.Time;
import dev.trireme.coordinator.schedule.Backings;
import dev.trireme.coordinator.schedule.NcclDevices;
import dev.trireme.coordinator.schedule.Reformation;
import dev.trireme.coordinator.schedule.Scheduler;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.SchedulingDecision;
import dev.trireme.coordinator.schedule.SchedulingDecision.Behind;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.WaitingJob;
import dev.trireme.protocol.Backing;
import dev.trireme.protocol.JobState;
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
  private final Time time;

  /**
   * @param generations yields the next generation, higher than any before it
   * @param frames yields unguessable numbers
   */
  Placing(
      LiveJobs jobs, AgentTable agents, LongSupplier generations, LongSupplier frames, Time time) {
    this.jobs = jobs;
    this.agents = agents;
    this.generations = generations;
    this.frames = frames;
    this.time = time;
  }

  /** Decides anew, after anything that may matter to it. */
  void schedule() {
    // Those that have run go first: their survivors hold state, and slots that nobody else can use.
    for (Job job : jobs.snapshot()) {
      if (job.run().wantsFormation()) {
        List<AgentSlots> slots = ledger().slotsFor(job.need());
        Optional<String> hopeless = job.run().hopeless(slots);
        if (hopeless.isPresent()) {
          jobs.guarded(job, () -> job.run().refuseSpec(hopeless.get()));
          continue;
        }
        apply(job, Reformation.decide(job.run().situation(slots)));
      }
    }
    List<Job> queue = new ArrayList<>();
    List<WaitingJob> waiting = new ArrayList<>();
    for (Job job : jobs.all()) {
      if (job.run().state() == JobState.QUEUED) {
        queue.add(job);
        waiting.add(job.waiting());
      }
    }
    Ledger ledger = ledger();
    Scheduler.Plan plan =
        Scheduler.decide(
            new Scheduler.Situation(
                waiting, ledger.running(), ledger.agents(), time.now().toEpochMilli()));
    for (int i = 0; i < queue.size(); i++) {
      apply(queue.get(i), plan.decisions().get(i));
    }
    plan.demands().forEach(this::demand);
  }

  /** Who has which slots now. */
  Ledger ledger() {
    return Ledger.of(agents, jobs.all());
  }

  private void demand(Scheduler.Demand demand) {
    Job job = jobs.require(demand.jobId());
    if (demand instanceof Scheduler.Resize resize) {
      jobs.guarded(job, () -> job.run().allow(resize.shares()));
    } else {
      jobs.guarded(job, () -> job.run().preempt(demand.reason()));
    }
  }

  private void apply(Job job, SchedulingDecision decision) {
    if (decision instanceof Form form) {
      Backings.Ruling backing = Backings.decide(backs(job.run(), form));
      if (backing instanceof Backings.Chosen chosen) {
        LOG.info("{}: {}", decision.jobId(), chosen.backing().reason());
        form(job, form, chosen.backing());
      } else if (backing instanceof Backings.Impossible impossible) {
        jobs.guarded(job, () -> job.run().refuse(impossible.reason()));
      }
    } else if (decision instanceof Behind) {
      job.run().waitsBehind(decision.reason());
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
        NcclDevices.ofProcess(),
        form.device());
  }
}
