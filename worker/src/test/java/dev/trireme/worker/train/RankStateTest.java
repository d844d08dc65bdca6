package dev.trireme.worker.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StepRecord;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RankStateTest {
  private final NativeMemory.Block memory = NativeMemory.allocate(8, 64);
  private final NamedTensor mean =
      new NamedTensor("running_mean", Shape.of(2), memory.buffer(DType.FLOAT32, 2));
  private final ByteBuffer values = NativeMemory.view(mean.data().address(), 8);
  private final RankState state = new RankState(10, List.of(mean));

  @AfterEach
  void free() {
    memory.close();
  }

  private static StepRecord step(long step, Cursor from, int samples) {
    return new StepRecord(1, step, from, samples, 0.5, 0.1, 0);
  }

  @Test
  void shouldTakeBackWhatAnAbortedStepChanged() {
    state.holds(Progress.START);
    values.putFloat(0, 1).putFloat(4, 2);
    state.forward();
    values.putFloat(0, 3);
    state.forward();
    values.putFloat(4, 4);

    state.rollBack();

    assertThat(values.getFloat(0)).isEqualTo(1);
    assertThat(values.getFloat(4)).isEqualTo(2);
    assertThat(state.isSound()).as("nothing of the step is left").isTrue();
  }

  @Test
  void shouldKeepWhatAnAppliedStepChanged() {
    state.forward();
    values.putFloat(0, 3);
    state.updating();
    state.applied(step(1, Cursor.START, 4));
    state.rollBack();
    assertThat(values.getFloat(0)).isEqualTo(3);
  }

  @Test
  void shouldKnowWhereTheNextStepBegins() {
    state.applied(step(1, Cursor.START, 6));
    assertThat(state.progress()).isEqualTo(new Progress(1, new Cursor(0, 6)));
    state.applied(step(2, new Cursor(0, 6), 4));
    assertThat(state.progress()).isEqualTo(new Progress(2, new Cursor(1, 0)));
  }

  @Test
  void shouldBeNoSourceOfStateBeforeItHasOneOrWhenTheOptimizerFailed() {
    assertThat(state.isSound()).isFalse();
    assertThat(state.isTainted()).isFalse();
    state.holds(Progress.START);
    assertThat(state.isSound()).isTrue();
    state.updating();
    assertThat(state.isSound()).isFalse();
    assertThat(state.isTainted()).isTrue();
  }

  @Test
  void shouldBeNoSourceWhileItReceivesTheStateOfAnotherStep() {
    Progress five = new Progress(5, Cursor.START);
    state.holds(five);
    state.receiving(five, true);
    assertThat(state.isSound()).as("the same bits over themselves").isTrue();
    state.receiving(new Progress(6, Cursor.START), true);
    assertThat(state.isSound()).isFalse();
  }
}
