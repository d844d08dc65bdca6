package dev.trireme.ps.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.plan.Shard;
import java.nio.FloatBuffer;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ShardCopyTest {
  private static final int COUNT = 2000;

  private static ShardCopy copy(ConsistencySpec consistency, int workers) {
    return new ShardCopy(
        new Shard(0, 0, COUNT),
        new OptimizerSpec.Sgd(1, 0, false, 0),
        consistency,
        Wire.FLOAT32,
        workers,
        30,
        0);
  }

  private static FloatBuffer floats(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), (int) buffer.byteCount()).asFloatBuffer();
  }

  private static void push(ShardCopy copy, int worker, long step, float value, long weight) {
    FloatBuffer gradient = floats(copy.inbox(worker, 4L * COUNT));
    for (int i = 0; i < COUNT; i++) {
      gradient.put(i, value);
    }
    copy.push(worker, step, step, 1, weight, 4L * COUNT);
  }

  @Test
  void shouldApplyTheSumOfAllWorkersAtOnce() {
    try (ShardCopy copy = copy(new ConsistencySpec.Bsp(0), 3)) {
      push(copy, 2, 1, 4, 10);
      push(copy, 0, 1, 1, 10);
      push(copy, 1, 1, 2, 10);
      assertThat(floats(copy.values()).get(0)).isZero();
      copy.apply(7, 30, Optional.empty());
      assertThat(floats(copy.values()).get(COUNT - 1)).isEqualTo(-7);
      assertThat(copy.updates()).isEqualTo(1);
      assertThat(copy.clocks().applied()).isEqualTo(1);
    }
  }

  @Test
  void shouldScaleTheSumOfSomeToThatOfAll() {
    try (ShardCopy copy = copy(new ConsistencySpec.Bsp(1), 3)) {
      push(copy, 0, 1, 1, 8);
      push(copy, 2, 1, 2, 8);
      copy.apply(5, 24, Optional.empty());
      assertThat(floats(copy.values()).get(7)).isEqualTo(-4.5f);
    }
  }

  @Test
  void shouldApplyAsynchronousPushesAsTheyCome() {
    try (ShardCopy copy = copy(new ConsistencySpec.Asp(), 2)) {
      push(copy, 1, 1, 3, 1);
      push(copy, 1, 2, 5, 1);
      push(copy, 1, 2, 5, 1);
      assertThat(floats(copy.values()).get(0)).isEqualTo(-8);
      assertThat(copy.updates()).isEqualTo(2);
    }
  }

  @Test
  void shouldRefuseToApplyWhatItDoesNotHold() {
    try (ShardCopy copy = copy(new ConsistencySpec.Bsp(0), 2)) {
      push(copy, 0, 1, 1, 1);
      assertThatThrownBy(() -> copy.apply(3, 0, Optional.empty()))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("step 1");
    }
  }
}
