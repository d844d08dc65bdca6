package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.checkpoint.storage.WriteBoundary;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A wait for a slow write, in a formation that is called off meanwhile. */
class CalledOffTest {
  @TempDir Path directory;

  /** Runs a wait, calls the generation off once it waits, and gives what it then throws. */
  private static CollectiveException calledOff(TestGate gate, Runnable wait) throws Exception {
    CompletableFuture<CollectiveException> thrown = new CompletableFuture<>();
    Thread trainer =
        new Thread(
            () -> thrown.complete(catchThrowableOfType(CollectiveException.class, wait::run)));
    trainer.start();
    while (trainer.getState() != Thread.State.TIMED_WAITING) {
      assertThat(thrown).isNotDone();
      Thread.onSpinWait();
    }
    gate.callOff(1);
    return thrown.get(Checkpoints.DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
  }

  @ParameterizedTest
  @EnumSource(WriteBoundary.class)
  void shouldLeaveADrainAndShowNothingHalfWritten(WriteBoundary boundary) throws Exception {
    TestGate gate = new TestGate(1);
    Hold hold = new Hold(boundary);
    try (State state = State.random(1);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(Checkpoints.config(directory, 0, 1), gate, hold)) {
      checkpointer.save(state.at(1, 100));
      hold.awaitReached();

      CollectiveException left =
          calledOff(gate, () -> checkpointer.drain(Checkpoints.DEADLINE.multipliedBy(10)));

      assertThat(left.reason()).isEqualTo(CollectiveException.Cause.ABORTED);
      assertThat(left.suspectRank()).isEqualTo(-1);
      assertThat(left).hasMessageContaining(boundary.name());
    }
    assertThat(gate.finished()).hasSize(1);
    boolean visible = boundary.compareTo(WriteBoundary.PUBLISH) > 0;
    assertThat(Checkpoints.names(directory))
        .isEqualTo(visible ? List.of("step-00000100") : List.of());
  }

  @Test
  void shouldLeaveASaveThatWaitsForTheOneBefore() throws Exception {
    TestGate gate = new TestGate(1);
    Hold hold = new Hold(WriteBoundary.WRITE_SHARD_DATA);
    try (State state = State.random(1);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(Checkpoints.config(directory, 0, 1), gate, hold)) {
      checkpointer.save(state.at(1, 100));
      hold.awaitReached();

      CollectiveException left = calledOff(gate, () -> checkpointer.save(state.at(1, 200)));

      assertThat(left.reason()).isEqualTo(CollectiveException.Cause.ABORTED);
    }
    assertThat(Checkpoints.names(directory)).isEmpty();
  }
}
