package dev.trireme.worker.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.data.BatchStream;
import dev.trireme.api.fake.Diary;
import dev.trireme.api.fake.FakeData;
import dev.trireme.api.fake.FakeGroup;
import dev.trireme.api.fake.FakeReplica;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;

class TrackedReplicaTest {
  private final Diary diary = new Diary();

  /** Evaluates a batch, and then meets the end of the formation. */
  private void atTheEnd(BiConsumer<TrackedReplica, BatchStream> next) {
    try (FakeReplica made = new FakeReplica(diary);
        FakeGroup group = new FakeGroup(diary);
        FakeData data = new FakeData(8, 4, true);
        RankState state = new RankState(8, made.statistics());
        BatchStream batches = data.evaluate(0, 1)) {
      TrackedReplica replica = new TrackedReplica(made, state, group);
      assertThat(replica.evaluate(batches.next()).items()).isPositive();
      group.abort("rank 1 is gone");
      assertThat(batches.hasNext()).isTrue();
      assertThatThrownBy(() -> next.accept(replica, batches))
          .isInstanceOf(CollectiveException.class)
          .hasMessageContaining("rank 1 is gone");
    }
  }

  @Test
  void shouldEndAnEvaluationWithinABatchOfTheFormationsEnd() {
    atTheEnd((replica, batches) -> replica.evaluate(batches.next()));
  }

  @Test
  void shouldBeginNoStepThatNobodyWaitsFor() {
    atTheEnd((replica, batches) -> replica.forward(batches.next(), 1));
    assertThat(diary.lines()).noneMatch(line -> line.startsWith("forward"));
  }
}
