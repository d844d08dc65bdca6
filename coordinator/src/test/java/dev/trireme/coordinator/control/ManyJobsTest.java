package dev.trireme.coordinator.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.FailurePolicySpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.coordinator.ClusterStatus;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.coordinator.Jobs;
import dev.trireme.coordinator.life.FakeTime;
import dev.trireme.coordinator.store.FileJobStore;
import dev.trireme.coordinator.store.JobStore;
import dev.trireme.protocol.JobState;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Two hundred jobs handed in at once to a small cluster, of which some are cancelled, while agents,
 * ranks and coordinators are killed. The coordinator, its scheduler, its jobs' lives and its store
 * on disk are the real ones; agents and ranks are made up ({@link Fleet}), and with a coordinator
 * its agents go, as those do whom the cluster has given up.
 */
@Tag("long")
class ManyJobsTest {
  private static final int JOBS = 200;

  @TempDir Path directory;

  private final FakeTime time = new FakeTime();

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void shouldEndEveryJobInAStatedWayAndLeakNoSlot(long seed) {
    Random random = new Random(seed);
    Map<String, Integer> slots = Map.of("a", 4, "b", 3, "c", 2);
    Fleet fleet = new Fleet(random, slots);
    Set<String> cancelled = new HashSet<>();
    JobStore store = FileJobStore.open(directory.resolve("state"));
    JobControl first = open(store, fleet);
    int rounds = 0;
    try {
      fleet.agents().forEach(agent -> first.onRegistration(fleet.registration(agent)));
      for (int i = 1; i <= JOBS; i++) {
        first.submit(
            new JobSubmission(spec(random), "name: small\n", directory.resolve("run-" + i)));
      }
      JobControl now = first;
      while (now.list().stream().anyMatch(job -> !job.state().isFinal())) {
        assertThat(rounds++).as("rounds; %s", now.list()).isLessThan(200_000);
        if (random.nextInt(3000) == 0) {
          now.close();
          store.close();
          fleet.agents().forEach(fleet::kill);
          store = FileJobStore.open(directory.resolve("state"));
          now = open(store, fleet);
        }
        mishap(random, now, fleet, cancelled);
        fleet.step();
        JobControl active = now;
        for (int i = 0; i < 5; i++) {
          fleet.next().ifPresent(active::onMessage);
        }
        if (rounds % 50 == 0) {
          time.pass(Duration.ofSeconds(1));
          now.onTime();
          now.list().stream()
              .filter(job -> job.state().isFinal())
              .forEach(job -> fleet.isOver(job.jobId()));
        }
      }
      drain(now, fleet);
      everyJobHasEnded(now, cancelled);
      noSlotIsHeld(now, fleet);
      now.close();
    } finally {
      store.close();
    }
  }

  private void mishap(Random random, JobControl control, Fleet fleet, Set<String> cancelled) {
    String agent = fleet.agents().get(random.nextInt(fleet.agents().size()));
    if (fleet.isAway(agent)) {
      if (random.nextInt(20) == 0) {
        control.onRegistration(fleet.registration(agent));
      }
    } else if (random.nextInt(2000) == 0) {
      fleet.kill(agent);
      control.onAgentLost(agent);
    }
    if (random.nextInt(400) == 0) {
      fleet.killSomeRank();
    }
    if (random.nextInt(300) == 0) {
      String job = "job-" + (1 + random.nextInt(JOBS));
      control.cancel(job, "changed my mind", false);
      cancelled.add(job);
    }
  }

  /** What is still on its way arrives. */
  private static void drain(JobControl control, Fleet fleet) {
    for (int i = 0; i < 10_000; i++) {
      fleet.step();
      fleet.next().ifPresent(control::onMessage);
    }
  }

  private static void everyJobHasEnded(JobControl control, Set<String> cancelled) {
    List<JobStatus> all = control.list();
    assertThat(all).extracting(JobStatus::jobId).doesNotHaveDuplicates().hasSize(JOBS);
    assertThat(all)
        .allSatisfy(
            job -> {
              assertThat(job.reason()).isNotBlank();
              if (job.state() == JobState.CANCELLED) {
                assertThat(cancelled).contains(job.jobId());
              }
            });
    assertThat(all).filteredOn(job -> job.state() == JobState.SUCCEEDED).hasSizeGreaterThan(100);
  }

  private static void noSlotIsHeld(JobControl control, Fleet fleet) {
    assertThat(fleet.processes()).as("processes that nobody ends").isZero();
    assertThat(control.cluster().agents())
        .allSatisfy(agent -> assertThat(agent.free()).isEqualTo(agent.slots()))
        .extracting(ClusterStatus.Agent::agentId)
        .isSubsetOf(fleet.agents());
  }

  private JobControl open(JobStore store, Fleet fleet) {
    return new JobControl("test", store, Timing.DEFAULT, time, () -> 99, fleet::obey);
  }

  private static JobSpec spec(Random random) {
    int min = 1 + random.nextInt(4);
    int max = min + (random.nextInt(3) == 0 ? 2 : 0);
    FailurePolicySpec policy = new FailurePolicySpec(1000, 600, 1000, 0, 0, 0);
    return Jobs.withPriority(Jobs.spec(min, max, policy), random.nextInt(3));
  }
}
