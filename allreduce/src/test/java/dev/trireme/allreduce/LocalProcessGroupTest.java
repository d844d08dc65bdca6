package dev.trireme.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.TensorBuffer;
import org.junit.jupiter.api.Test;

class LocalProcessGroupTest {
  @Test
  void shouldLeaveEveryBufferAsItIs() {
    try (LocalProcessGroup group = new LocalProcessGroup(5)) {
      TensorBuffer buffer = group.allocate(DType.FLOAT32, 100);
      assertThat(TestBuffers.read(buffer)).containsOnly(0);
      TestBuffers.fill(buffer, 3);
      double[] before = TestBuffers.read(buffer);
      for (ReduceOp op : ReduceOp.values()) {
        assertThat(group.allReduce(buffer, op).isDone()).isTrue();
      }
      group.broadcast(buffer, 0).await();
      group.barrier().await();
      assertThat(TestBuffers.read(buffer)).isEqualTo(before);
      assertThat(group.generation()).isEqualTo(5);
    }
  }

  @Test
  void shouldBeUnusableAfterAnAbort() {
    try (LocalProcessGroup group = new LocalProcessGroup(5)) {
      group.requireUsable();
      group.abort("a reason");
      assertThatThrownBy(group::requireUsable)
          .isInstanceOf(CollectiveException.class)
          .hasMessageContaining("generation 5 was aborted: a reason");
      assertThatThrownBy(group::barrier)
          .isInstanceOf(CollectiveException.class)
          .hasMessageContaining("generation 5 was aborted: a reason");
    }
  }

  @Test
  void shouldRefuseAnotherRoot() {
    try (LocalProcessGroup group = new LocalProcessGroup(1)) {
      TensorBuffer buffer = group.allocate(DType.FLOAT32, 1);
      assertThatThrownBy(() -> group.broadcast(buffer, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("rank 1, expected 0");
    }
  }
}
