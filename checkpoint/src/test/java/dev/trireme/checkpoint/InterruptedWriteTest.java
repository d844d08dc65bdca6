package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import dev.trireme.checkpoint.storage.FileSystemStorage;
import dev.trireme.checkpoint.storage.WriteBoundary;
import dev.trireme.checkpoint.storage.WriteStep;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A write that stops at each of its boundaries, by death and by failure. */
class InterruptedWriteTest {
  @TempDir Path directory;

  /** Does what a process does that is killed before {@code boundary}: nothing after, no cleanup. */
  private static void dieBefore(
      WriteBoundary boundary, Path checkpoints, State state, long generation, long step)
      throws IOException {
    FileSystemStorage storage = new FileSystemStorage(checkpoints);
    ShardPlan plan = ShardPlan.ofTensors(state.tensors(), 1);
    try (Snapshot snapshot = new Snapshot(DeviceMemory.HOST)) {
      snapshot.capture(plan.shard(0), state.tensors());
      CheckpointWrite write =
          new CheckpointWrite(
              new CheckpointWrite.Surroundings(
                  Checkpoints.config(checkpoints, 0, 1),
                  new TestGate(1),
                  storage,
                  new Pruning(storage, Retention.newest(3), Lineage.UNKNOWN, Set::of),
                  snapshot),
              state.at(generation, step),
              plan);
      try (write) {
        for (WriteStep one : write.steps()) {
          if (one.boundary() == boundary) {
            return;
          }
          one.action().run();
        }
      }
    }
  }

  private static boolean isVisibleBefore(WriteBoundary boundary) {
    return boundary.compareTo(WriteBoundary.PUBLISH) > 0;
  }

  @Test
  void shouldPassEveryBoundaryInOrder() {
    List<WriteBoundary> passed = new ArrayList<>();
    try (State state = State.random(1);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(
                Checkpoints.config(directory, 0, 1), new TestGate(1), passed::add)) {
      checkpointer.save(state.at(1, 1));
      checkpointer.drain(Checkpoints.DEADLINE);
    }
    assertThat(passed).containsExactly(WriteBoundary.values());
  }

  @ParameterizedTest
  @EnumSource(WriteBoundary.class)
  void shouldFindTheNewestWholeOneAfterADeathAtEachBoundary(WriteBoundary boundary)
      throws IOException {
    Path checkpoints = directory.resolve("checkpoints");
    try (State first = State.random(1);
        State second = State.random(2);
        State read = State.zeros()) {
      Checkpoints.save(checkpoints, 1, first, 1, 100);
      dieBefore(boundary, checkpoints, second, 1, 200);

      Checkpoints.restore(checkpoints, read);
      assertThat(read.hash()).isEqualTo(isVisibleBefore(boundary) ? second.hash() : first.hash());

      Checkpoints.save(checkpoints, 1, second, 2, 300);
      assertThat(Checkpoints.names(checkpoints)).allMatch(name -> name.startsWith("step-"));
    }
  }

  @ParameterizedTest
  @EnumSource(WriteBoundary.class)
  void shouldLoseNeitherWhenItDiesWhileReplacingTheSameStep(WriteBoundary boundary)
      throws IOException {
    Path checkpoints = directory.resolve("checkpoints");
    try (State first = State.random(1);
        State second = State.random(2);
        State read = State.zeros()) {
      Checkpoints.save(checkpoints, 1, first, 1, 100);
      dieBefore(boundary, checkpoints, second, 2, 100);

      Checkpoints.restore(checkpoints, read);
      assertThat(read.hash()).isEqualTo(isVisibleBefore(boundary) ? second.hash() : first.hash());

      Checkpoints.save(checkpoints, 1, second, 3, 100);
      assertThat(Checkpoints.names(checkpoints)).containsExactly("step-00000100");
    }
  }

  @ParameterizedTest
  @EnumSource(WriteBoundary.class)
  void shouldTakeBackAllAfterAFailureAtEachBoundary(WriteBoundary boundary) {
    Path checkpoints = directory.resolve("checkpoints");
    TestGate gate = new TestGate(1);
    WriteProbe full =
        at -> {
          if (at == boundary) {
            throw new IOException("No space left on device");
          }
        };
    try (State state = State.random(1);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(Checkpoints.config(checkpoints, 0, 1), gate, full)) {
      checkpointer.save(state.at(1, 200));

      assertThatThrownBy(() -> checkpointer.drain(Checkpoints.DEADLINE))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("no space left")
          .hasMessageContaining(boundary.name())
          .hasMessageMatching(".*rank 0 needs \\d+ bytes, \\d+ are free.*");
      assertThat(gate.finished()).hasSize(1);
      assertThat(gate.finished().get(0).failure()).contains("no space left");
      assertThat(Checkpoints.names(checkpoints))
          .isEqualTo(isVisibleBefore(boundary) ? List.of("step-00000200") : List.of());
    }
  }

  @Test
  void shouldSaveAgainAfterAFailure() {
    boolean[] failed = new boolean[1];
    WriteProbe once =
        at -> {
          if (at == WriteBoundary.SYNC_SHARD && !failed[0]) {
            failed[0] = true;
            throw new IOException("Input/output error");
          }
        };
    try (State state = State.random(1);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(Checkpoints.config(directory, 0, 1), new TestGate(1), once)) {
      checkpointer.save(state.at(1, 100));
      checkpointer.save(state.at(1, 200));
      checkpointer.drain(Checkpoints.DEADLINE);
    }
    assertThat(Checkpoints.names(directory)).containsExactly("step-00000200");
  }

  @Test
  void shouldSaveOnceThereIsRoomAgain() {
    LackOfRoom room = new LackOfRoom();
    TestGate gate = new TestGate(1);
    try (State state = State.random(1);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(Checkpoints.config(directory, 0, 1), gate, room)) {
      room.lasts(Duration.ofHours(1));
      checkpointer.save(state.at(1, 100));
      assertThatThrownBy(() -> checkpointer.drain(Checkpoints.DEADLINE))
          .hasMessageContaining("no space left")
          .hasMessageContaining("as trireme chaos wants it");
      assertThat(Checkpoints.names(directory)).isEmpty();
      room.lasts(Duration.ZERO);
      checkpointer.save(state.at(1, 200));
      checkpointer.drain(Checkpoints.DEADLINE);
    }
    assertThat(Checkpoints.names(directory)).containsExactly("step-00000200");
  }

  @Test
  void shouldLeaveWritersOfNewerGenerationsAlone() throws IOException {
    try (State state = State.random(1)) {
      dieBefore(WriteBoundary.AWAIT_GRANT, directory, state, 5, 100);
      Checkpoints.save(directory, 1, state, 4, 200);
    }
    assertThat(Checkpoints.names(directory))
        .containsExactly(new WriteId(5, 100).stagingName(), "step-00000200");
  }
}
