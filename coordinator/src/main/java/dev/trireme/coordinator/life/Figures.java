package dev.trireme.coordinator.life;

import dev.trireme.api.train.WireBytes;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobResult;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.RankReport.Committed;
import dev.trireme.protocol.RankReport.EpochEnded;
import dev.trireme.protocol.RankReport.Finished;
import dev.trireme.protocol.RankReport.Ready;
import dev.trireme.protocol.Stored.GenerationRecord;
import dev.trireme.protocol.Stored.JobRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/** How far a job has come, by what its rank 0 reports. Owned by a {@link JobRun}. */
final class Figures {
  private long step;
  private int epochs;
  private long committedIn;
  private long failedSaves;
  private Optional<Ready> plan = Optional.empty();
  private Optional<Finished> finished = Optional.empty();
  private WireBytes wire = WireBytes.NONE;

  /** The newest step known to be committed, 0 if none. */
  long step() {
    return step;
  }

  /** The same, as the coordinator before this one has noted it. */
  void reached(long committed) {
    step = committed;
  }

  /** How many saves have failed so far. */
  void failedSaves(long total) {
    failedSaves = total;
  }

  /** A formation goes on from here; where no survivor held the state, that is further back. */
  void ready(Ready report) {
    plan = Optional.of(report);
    step = report.progress().step();
    epochs = report.progress().cursor().epoch();
  }

  /** What was last reported to be ready. */
  Optional<Ready> plan() {
    return plan;
  }

  /** Whether this generation has committed a step of its own. */
  boolean committedIn(long generation) {
    return committedIn == generation;
  }

  void finished(Finished report) {
    finished = Optional.of(report);
    step = report.progress().step();
    epochs = report.epochs();
  }

  /** Takes note of a report; an event, where it makes one. */
  Optional<JobEvent> note(RankReport report, JobRecord job, long generation, Instant now) {
    String id = job.jobId();
    if (report instanceof Committed committed) {
      step = Math.max(step, committed.step());
      wire = new WireBytes(committed.wireBytes(), committed.plainWireBytes());
      if (plan.filter(p -> committed.step() > p.progress().step()).isPresent()) {
        committedIn = generation;
      }
      return Optional.of(progress(committed, job, generation, now));
    } else if (report instanceof EpochEnded epoch) {
      epochs = Math.max(epochs, epoch.epoch() + 1);
      int planned = plan.map(Ready::epochs).orElse(epochs);
      return Optional.of(new JobEvent.EpochEnded(id, now, generation, epoch, planned));
    } else if (report instanceof RankReport.CheckpointFinished checkpoint) {
      return Optional.of(new JobEvent.CheckpointFinished(id, now, generation, checkpoint));
    }
    return Optional.empty();
  }

  private JobEvent progress(Committed committed, JobRecord job, long generation, Instant now) {
    long total = plan.map(Ready::totalSteps).orElse(committed.step());
    double rate = committed.samplesPerSecond() / job.job().data().batchSize();
    return new JobEvent.Progress(
        job.jobId(),
        now,
        generation,
        committed,
        total,
        plan.map(Ready::stepsPerEpoch).orElse(1L),
        plan.map(Ready::epochs).orElse(1),
        rate > 0 ? Math.max(0, total - committed.step()) / rate : Double.NaN,
        failedSaves);
  }

  /** The result of a job whose record says how it ended. */
  JobResult result(JobRecord job, boolean usage, Instant now) {
    Duration wall = Duration.between(Instant.ofEpochMilli(job.submittedMillis()), now);
    return new JobResult(
        job.jobId(),
        job.job().name(),
        job.state(),
        job.reason(),
        usage,
        step,
        epochs,
        Records.newest(job).map(GenerationRecord::worldSize).orElse(0),
        (int) job.generations().stream().filter(GenerationRecord::wasFormed).count(),
        finished.map(Finished::samplesPerSecond).orElse(Double.NaN),
        wire,
        finished.map(Finished::metrics).orElse(Map.of()),
        finished.map(Finished::stateHash).orElse(""),
        wall.toMillis() / 1000.0);
  }
}
