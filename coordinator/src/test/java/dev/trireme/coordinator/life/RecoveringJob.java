package dev.trireme.coordinator.life;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.job.FailurePolicySpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.train.Progress;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.Jobs;
import dev.trireme.coordinator.schedule.Reformation;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.SchedulingDecision;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stored.JobRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** A job on one agent, whose ranks say and do what a test wants of them. */
abstract class RecoveringJob {
  final FakeTime time = new FakeTime();
  final List<CoordinatorToAgent> told = new ArrayList<>();
  final List<JobEvent> events = new ArrayList<>();
  JobRecord stored;
  boolean keeps = true;
  JobRun run;
  long generation = 3;

  static final FailurePolicySpec POLICY = new FailurePolicySpec(5, 600, 3, 2, 60, 0);

  void running(int min, int max, int size) {
    running(Jobs.spec(min, max, POLICY), size);
  }

  void running(JobSpec job, int size) {
    ordered(job, size);
    start(size, 0);
  }

  /** Its ranks are ordered for the first time, and none has said anything. */
  void ordered(JobSpec job, int size) {
    JobRecord record = Jobs.record("job-1", 1, 1, JobState.QUEUED, job);
    run = new JobRun(record, Timing.DEFAULT, time, new Recorder());
    List<Integer> ranks = IntStream.range(0, size).boxed().toList();
    apply(new Form("job-1", List.of(new Placement("a", ranks)), "test"));
  }

  void apply(SchedulingDecision decision) {
    generation++;
    told.clear();
    run.form((Form) decision, Map.of("a", "host-a"), generation, 99);
  }

  void start(int size, long step) {
    for (int rank = 0; rank < size; rank++) {
      run.onStarted(generation, rank, generation * 100 + rank);
      Progress progress = new Progress(step, new Cursor(0, step));
      report(rank, new RankReport.Ready(progress, "", 50, 10, 5, 1));
    }
    assertThat(run.state()).isEqualTo(JobState.RUNNING);
  }

  SchedulingDecision decide(int free) {
    assertThat(run.wantsFormation()).isTrue();
    return Reformation.decide(run.situation(List.of(new AgentSlots("a", "host-a", free))));
  }

  void report(int rank, RankReport report) {
    run.onReport(new FromRank("a", "job-1", generation, rank, report));
  }

  void park(int rank, long applied, int suspect) {
    report(rank, new RankReport.Parked(applied, true, "waited for " + suspect, suspect));
  }

  void committed(long step) {
    report(0, new RankReport.Committed(step, Cursor.START, 1, 1, 1, 1, 0, 0, 0));
  }

  void exit(int rank) {
    RankExit exit = new RankExit(rank, 137, false, "killed by SIGKILL", List.of());
    run.onExited(generation, rank, exit);
  }

  <T> T last(Class<T> type) {
    return type.cast(events.stream().filter(type::isInstance).reduce((a, b) -> b).orElseThrow());
  }

  <T> List<T> told(Class<T> type) {
    return told.stream().filter(type::isInstance).map(type::cast).toList();
  }

  final class Recorder implements JobEffects {
    @Override
    public long term() {
      return 1;
    }

    @Override
    public void tell(String agentId, CoordinatorToAgent command) {
      told.add(command);
    }

    @Override
    public void store(JobRecord record) {
      if (!keeps) {
        throw new CoordinatorException("not kept");
      }
      stored = record;
    }

    @Override
    public void publish(JobEvent event) {
      events.add(event);
    }
  }
}
