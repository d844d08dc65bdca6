package dev.trireme.coordinator.akka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.Behaviors;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobListener;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.coordinator.Jobs;
import dev.trireme.coordinator.store.FileJobStore;
import dev.trireme.coordinator.store.LocalStore;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.Stored.JobRecord;
import dev.trireme.protocol.akka.CoordinatorInbox;
import dev.trireme.protocol.akka.LocalPlane;
import dev.trireme.protocol.akka.ToCoordinator;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A coordinator without a network. */
@Timeout(60)
class LocalCoordinatorTest {
  @TempDir Path directory;

  private final LocalPlane plane = LocalPlane.start();
  private final LocalCoordinator coordinator = new LocalCoordinator("test", plane);
  private final BlockingQueue<CoordinatorToAgent> told = new LinkedBlockingQueue<>();
  private final CountDownLatch lost = new CountDownLatch(1);

  /**
   * One whose disk fails in a way that nobody has thought of, when an agent knows a higher term.
   */
  private record FailingStore(LocalStore files) implements LocalStore {
    @Override
    public long raiseTerm(long floor) {
      if (floor > 0) {
        throw new IllegalStateException("the disk is on fire");
      }
      return files.raiseTerm(floor);
    }

    @Override
    public long term() {
      return files.term();
    }

    @Override
    public boolean promise(long term) {
      return files.promise(term);
    }

    @Override
    public Optional<JobRecord> job(String jobId) {
      return files.job(jobId);
    }

    @Override
    public void put(JobRecord job) {
      files.put(job);
    }

    @Override
    public void remove(String jobId) {
      files.remove(jobId);
    }

    @Override
    public List<JobRecord> jobs() {
      return files.jobs();
    }

    @Override
    public void close() {
      files.close();
    }
  }

  @AfterEach
  void close() {
    coordinator.close();
  }

  private void register(long highestTerm) throws Exception {
    ActorRef<Object> agent =
        plane.join(
            Behaviors.receive(Object.class)
                .onMessage(
                    CoordinatorToAgent.class,
                    m -> {
                      told.add(m);
                      return Behaviors.same();
                    })
                .build(),
            "agent-" + highestTerm);
    ActorRef<CoordinatorInbox> to =
        plane.coordinator().toCompletableFuture().get(20, TimeUnit.SECONDS);
    RegisterAgent registration = new RegisterAgent("a", "h", 1, 1, highestTerm, 0);
    to.tell(new ToCoordinator(registration, agent.narrow()));
  }

  private final class Loser implements JobListener {
    @Override
    public void on(JobEvent event) {}

    @Override
    public void lost() {
      lost.countDown();
    }
  }

  @Test
  void shouldAcceptAnAgentOfItsProcess() throws Exception {
    try (LocalStore store = FileJobStore.open(directory.resolve("state"))) {
      JobService jobs = coordinator.serve(store);
      register(0);
      assertThat(told.poll(20, TimeUnit.SECONDS)).isInstanceOf(AgentAccepted.class);
      assertThat(jobs.list()).isEmpty();
      assertThat(coordinator.isActive()).isTrue();
    }
    coordinator.close();
    assertThat(coordinator.isActive()).isFalse();
    assertThat(coordinator.left()).isCompleted();
  }

  @Test
  void shouldOutliveAnAgentThatClaimsATermPastAllBounds() throws Exception {
    try (LocalStore store = FileJobStore.open(directory.resolve("state"))) {
      JobService jobs = coordinator.serve(store);
      register(Long.MAX_VALUE);
      register(0);
      assertThat(told.poll(20, TimeUnit.SECONDS)).isInstanceOf(AgentAccepted.class);
      assertThat(jobs.list()).isEmpty();
    }
  }

  @Test
  void shouldTellEverybodyWhenItHasFailed() throws Exception {
    try (LocalStore store = new FailingStore(FileJobStore.open(directory.resolve("state")))) {
      JobService jobs = coordinator.serve(store);
      String id =
          jobs.submit(
              new JobSubmission(Jobs.spec(1, 1), "name: small\n", directory.resolve("run")));
      jobs.watch(id, new Loser());
      register(5);

      assertThat(lost.await(20, TimeUnit.SECONDS)).isTrue();
      assertThatThrownBy(() -> jobs.cancel(id, "x"))
          .isInstanceOf(CoordinatorException.class)
          .hasMessageContaining("the coordinator has failed", "the disk is on fire");
    }
  }

  @Test
  void shouldNotTryAgainWhenItCannotTakeOver() throws Exception {
    try (LocalStore store = FileJobStore.open(directory.resolve("state"))) {
      assertThat(store.promise(Stamp.MAX)).isTrue();
      JobService jobs = coordinator.serve(store);

      assertThatThrownBy(jobs::list)
          .isInstanceOf(CoordinatorException.class)
          .hasMessageContaining("past all bounds");
      assertThat(coordinator.isActive()).isFalse();
    }
  }
}
