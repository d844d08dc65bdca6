package dev.trireme.coordinator.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.Jobs;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.StoreMessage;
import dev.trireme.protocol.Stored.JobRecord;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Three coordinators' stores, some of which cannot be reached at times. */
class ReplicatedJobStoreTest {
  private final List<MemoryStore> disks =
      new ArrayList<>(List.of(new MemoryStore(), new MemoryStore(), new MemoryStore()));
  private final Set<Integer> away = new HashSet<>();
  private final Set<Integer> apart = new HashSet<>();

  private static final class MemoryStore implements LocalStore {
    private final Map<String, JobRecord> jobs = new TreeMap<>();
    private long term;

    @Override
    public long term() {
      return term;
    }

    @Override
    public boolean promise(long wanted) {
      boolean granted = wanted > term;
      term = Math.max(term, wanted);
      return granted;
    }

    @Override
    public Optional<JobRecord> job(String jobId) {
      return Optional.ofNullable(jobs.get(jobId));
    }

    @Override
    public long raiseTerm(long floor) {
      term = Math.max(term, floor) + 1;
      return term;
    }

    @Override
    public void put(JobRecord job) {
      jobs.put(job.jobId(), job);
    }

    @Override
    public void remove(String jobId) {
      jobs.remove(jobId);
    }

    @Override
    public List<JobRecord> jobs() {
      return List.copyOf(jobs.values());
    }

    @Override
    public void close() {}
  }

  private JobStore at(int node) {
    List<Integer> others = IntStream.range(0, 3).filter(i -> i != node).boxed().toList();
    return new ReplicatedJobStore(
        disks.get(node),
        new Peers() {
          @Override
          public int count() {
            return others.size();
          }

          @Override
          public int joined() {
            return apart.contains(node) ? 0 : others.size();
          }

          @Override
          public CompletableFuture<StoreMessage> ask(int peer, StoreMessage question) {
            int other = others.get(peer);
            return away.contains(other) || away.contains(node)
                ? CompletableFuture.failedFuture(new IllegalStateException("unreachable"))
                : CompletableFuture.completedFuture(new Replica(disks.get(other)).answer(question));
          }
        });
  }

  @Test
  void shouldNotTakeOverInAClusterOfItsOwnThoughOthersAnswer() {
    JobStore first = at(0);
    assertThat(first.raiseTerm(0)).isEqualTo(1);
    apart.add(1);

    assertThatThrownBy(() -> at(1).raiseTerm(0))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("needs 2 of 3 coordinators, found 1");
    first.put(Jobs.record("job-1", 1, 1, JobState.QUEUED));
  }

  @Test
  void shouldTakeOverWhatAMajorityHas() {
    JobStore first = at(0);
    assertThat(first.raiseTerm(0)).isEqualTo(1);
    away.add(2);
    first.put(Jobs.record("job-1", 1, 1, JobState.QUEUED));
    away.remove(2);
    away.add(0);

    JobStore next = at(2);
    assertThat(next.raiseTerm(0)).isEqualTo(2);
    assertThat(next.jobs()).containsExactly(Jobs.record("job-1", 1, 1, JobState.QUEUED));
    assertThat(disks.get(1).jobs()).hasSize(1);
  }

  @Test
  void shouldDoNothingWithoutAMajority() {
    away.addAll(List.of(1, 2));
    JobStore alone = at(0);
    assertThatThrownBy(() -> alone.raiseTerm(0))
        .isInstanceOf(CoordinatorException.class)
        .hasMessage("cannot be active: needs 2 of 3 coordinators, found 1; start the others");
    away.clear();
    alone.raiseTerm(0);
    away.addAll(List.of(1, 2));
    assertThatThrownBy(() -> alone.put(Jobs.record("job-1", 1, 1, JobState.QUEUED)))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("cannot keep job-1: needs 2 of 3");
  }

  /** Who is told no, and tries again, would else have two jobs. */
  @Test
  void shouldSayThatAJobMayHaveBeenKeptWithoutAMajority() {
    JobStore active = at(0);
    active.raiseTerm(0);
    away.addAll(List.of(1, 2));
    assertThatThrownBy(() -> active.put(Jobs.record("job-1", 1, 1, JobState.QUEUED)))
        .hasMessageContaining("needs 2 of 3 coordinators, found 1; start the others; it may have")
        .hasMessageContaining("see 'trireme job list' before you try again");
    assertThatThrownBy(active::confirm).hasMessageNotContaining("job list");

    away.clear();
    active.raiseTerm(0);
    assertThat(active.jobs()).hasSize(1);
    assertThat(disks.get(2).jobs()).hasSize(1);
  }

  @Test
  void shouldRefuseTheOneThatWasReplaced() {
    JobStore old = at(0);
    old.raiseTerm(0);
    JobStore next = at(1);
    assertThat(next.raiseTerm(0)).isEqualTo(2);
    assertThatThrownBy(() -> old.put(Jobs.record("job-1", 1, 1, JobState.QUEUED)))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("another coordinator has taken over");
    assertThat(disks.get(2).jobs()).isEmpty();
  }

  @Test
  void shouldOutliveALostDisk() {
    JobStore first = at(0);
    first.raiseTerm(0);
    first.put(Jobs.record("job-1", 1, 1, JobState.QUEUED));
    disks.set(1, new MemoryStore());

    JobStore again = at(1);
    again.raiseTerm(0);
    assertThat(again.jobs()).hasSize(1);
    assertThat(disks.get(1).jobs()).hasSize(1);
  }

  @Property(tries = 300)
  void shouldNeverLoseWhatWasAcknowledged(@ForAll long seed) {
    Random random = new Random(seed);
    IntStream.range(0, 3).forEach(i -> disks.set(i, new MemoryStore()));
    away.clear();
    Map<String, Long> acknowledged = new HashMap<>();
    JobStore active = at(0);
    long term = 0;
    long version = 0;
    for (int i = 0; i < 60; i++) {
      if (random.nextInt(4) == 0) {
        away.clear();
        if (random.nextBoolean()) {
          away.add(random.nextInt(3));
        }
      }
      String jobId = "job-" + (1 + random.nextInt(3));
      try {
        if (term == 0 || random.nextInt(5) == 0) {
          active = at(random.nextInt(3));
          term = 0;
          term = active.raiseTerm(0);
          for (Map.Entry<String, Long> each : acknowledged.entrySet()) {
            assertThat(active.jobs())
                .as("seed %d", seed)
                .anyMatch(
                    job -> job.jobId().equals(each.getKey()) && job.version() >= each.getValue());
          }
        } else {
          version++;
          active.put(Jobs.record(jobId, term, version, JobState.RUNNING));
          acknowledged.put(jobId, version);
        }
      } catch (CoordinatorException e) {
        term = 0; // It is not active any more; whether the change was kept is open.
      }
    }
  }
}
