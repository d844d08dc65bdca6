package dev.trireme.coordinator.akka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.store.JobStore;
import dev.trireme.protocol.Stored.JobRecord;
import dev.trireme.protocol.akka.LocalPlane;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Taking over when the job store fails at first. */
@Timeout(60)
class TakeOverTest {
  private final LocalPlane plane = LocalPlane.start();
  private final AtomicBoolean active = new AtomicBoolean();

  /** Fails once, then holds nothing. */
  private record FailingOnce(RuntimeException failure, AtomicInteger tries) implements JobStore {
    @Override
    public long raiseTerm(long floor) {
      if (tries.incrementAndGet() == 1) {
        throw failure;
      }
      return tries.get();
    }

    @Override
    public void put(JobRecord job) {}

    @Override
    public void remove(String jobId) {}

    @Override
    public List<JobRecord> jobs() {
      return List.of();
    }

    @Override
    public void close() {}
  }

  @AfterEach
  void close() {
    plane.close();
  }

  private ActorJobService start(RuntimeException failure, boolean several) {
    JobStore store = new FailingOnce(failure, new AtomicInteger());
    return ActorJobService.start(
        plane::run, "test", Timing.DEFAULT, store, active, several, fault -> {});
  }

  @Test
  void shouldTryAgainAmongSeveralUntilThereIsAMajority() {
    ActorJobService jobs = start(new CoordinatorException("no majority"), true);

    assertThat(jobs.cluster().term()).isEqualTo(2);
    assertThat(active).isTrue();
    plane.close();
    assertThat(active).isFalse();
    assertThatThrownBy(jobs::list)
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("not the active one any more");
  }

  @Test
  void shouldEndWhenItIsTheOnlyOne() {
    ActorJobService jobs = start(new CoordinatorException("the disk is full"), false);

    assertThatThrownBy(jobs::list)
        .isInstanceOf(CoordinatorException.class)
        .hasMessage("the coordinator has ended: the disk is full");
    assertThat(active).isFalse();
  }

  @Test
  void shouldEndAtAFaultAmongSeveralToo() {
    ActorJobService jobs = start(new IllegalStateException("the disk is on fire"), true);

    assertThatThrownBy(jobs::list)
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("this is a bug")
        .hasMessageContaining("the disk is on fire");
    assertThat(active).isFalse();
  }
}
