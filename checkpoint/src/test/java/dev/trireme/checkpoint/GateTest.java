package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import dev.trireme.checkpoint.format.TensorSpec;
import dev.trireme.checkpoint.storage.WriteBoundary;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GateTest {
  @TempDir Path directory;

  @Test
  void shouldShowNothingWithoutAGrant() {
    TestGate gate = new TestGate(1);
    gate.refuse();
    try (State state = State.random(1);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(Checkpoints.config(directory, 0, 1), gate)) {
      checkpointer.save(state.at(1, 100));

      assertThatThrownBy(() -> checkpointer.drain(Checkpoints.DEADLINE))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("no grant for generation 1, step 100");
    }
    assertThat(Checkpoints.names(directory)).isEmpty();
    assertThat(gate.finished()).hasSize(1);
    assertThat(gate.finished().get(0).failure()).contains("no grant");
  }

  @Test
  void shouldLetARankOfAnOlderGenerationCommitNothing() {
    TestGate gate = new TestGate(1);
    gate.current(2);
    try (State old = State.random(1);
        State current = State.random(2);
        State read = State.zeros();
        LocalCheckpointer leftover =
            LocalCheckpointer.open(Checkpoints.config(directory, 0, 1), gate);
        LocalCheckpointer replacement =
            LocalCheckpointer.open(Checkpoints.config(directory, 0, 1), gate)) {
      replacement.save(current.at(2, 100));
      replacement.drain(Checkpoints.DEADLINE);
      leftover.save(old.at(1, 100));

      assertThatThrownBy(() -> leftover.drain(Checkpoints.DEADLINE))
          .isInstanceOf(CheckpointException.class);
      replacement.restore(directory.toString(), read.tensors());
      assertThat(read.hash()).isEqualTo(current.hash());
    }
    assertThat(Checkpoints.names(directory)).containsExactly("step-00000100");
  }

  @Test
  void shouldCallItNoFailureWhenTheGenerationIsCalledOff() throws Exception {
    TestGate gate = new TestGate(2);
    try (State state = State.random(1);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(Checkpoints.config(directory, 0, 2), gate)) {
      checkpointer.save(state.at(1, 100));
      gate.callOff(1);
      gate.awaitFinished();
      checkpointer.drain(Checkpoints.DEADLINE);
    }
    assertThat(Checkpoints.names(directory)).isEmpty();
    assertThat(gate.finished().get(0).failure()).contains("no grant");
  }

  @Test
  void shouldGiveUpWhenAnotherRanksShardNeverComes() {
    TestGate gate = new TestGate(2);
    CheckpointerConfig config = new CheckpointerConfig(directory, 0, 2, 3, Duration.ofMillis(50));
    try (State state = State.random(1);
        LocalCheckpointer checkpointer = LocalCheckpointer.open(config, gate)) {
      checkpointer.save(state.at(1, 100));

      assertThatThrownBy(() -> checkpointer.drain(Checkpoints.DEADLINE))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("no grant");
    }
    assertThat(Checkpoints.names(directory)).isEmpty();
  }

  @Test
  void shouldTellTheGateOfAFailureOnAnyRank() {
    TestGate gate = new TestGate(2);
    WriteProbe broken =
        at -> {
          if (at == WriteBoundary.WRITE_SHARD_DATA) {
            throw new IOException("Input/output error");
          }
        };
    try (State state = State.random(1);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(Checkpoints.config(directory, 1, 2), gate, broken)) {
      checkpointer.save(state.at(1, 100));

      assertThatThrownBy(() -> checkpointer.drain(Checkpoints.DEADLINE))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("Input/output error");
    }
    assertThat(gate.finished()).hasSize(1);
    assertThat(gate.finished().get(0).failure()).contains("WRITE_SHARD_DATA");
    assertThat(Checkpoints.names(directory.resolve(".tmp-g1-step-00000100"))).isEmpty();
  }

  @Test
  void shouldRefuseToCommitShardsThatDoNotAgree() {
    TestGate gate = new TestGate(2);
    try (State state = State.random(1);
        State other = State.zeros(Map.of("x", xOfTwo()));
        LocalCheckpointer first =
            LocalCheckpointer.open(Checkpoints.config(directory, 0, 2), gate);
        LocalCheckpointer second =
            LocalCheckpointer.open(Checkpoints.config(directory, 1, 2), gate)) {
      first.save(state.at(1, 100));
      second.save(other.at(1, 100));
      second.drain(Checkpoints.DEADLINE);

      assertThatThrownBy(() -> first.drain(Checkpoints.DEADLINE))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("the shard of rank 1")
          .hasMessageContaining("other tensors than rank 0 expects");
    }
    assertThat(Checkpoints.names(directory)).isEmpty();
  }

  private static TensorSpec xOfTwo() {
    return new TensorSpec("x", DType.FLOAT32, Shape.of(2));
  }

  @Test
  void shouldReplaceTheSameStepOfAnOlderGenerationOnly() {
    try (State first = State.random(1);
        State second = State.random(2);
        State read = State.zeros();
        LocalCheckpointer checkpointer = Checkpoints.single(directory)) {
      checkpointer.save(first.at(2, 100));
      checkpointer.save(second.at(3, 100));
      checkpointer.drain(Checkpoints.DEADLINE);
      checkpointer.save(first.at(1, 100));

      assertThatThrownBy(() -> checkpointer.drain(Checkpoints.DEADLINE))
          .hasMessageContaining("written by generation 3");
      checkpointer.restore(directory.toString(), read.tensors());
      assertThat(read.hash()).isEqualTo(second.hash());
    }
  }
}
