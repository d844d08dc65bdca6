package dev.trireme.worker.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.data.BatchStream;
import dev.trireme.api.fake.Diary;
import dev.trireme.api.fake.FakeData;
import dev.trireme.api.fake.FakeGroup;
import dev.trireme.api.fake.FakeReplica;
import org.junit.jupiter.api.Test;

class TrackedReplicaTest {
  private final Diary diary = new Diary();

  @Test
  void shouldEndAnEvaluationWithinABatchOfTheFormationsEnd() {
    try (FakeReplica made = new FakeReplica(diary);
        FakeGroup group = new FakeGroup(diary);
        FakeData data = new FakeData(8, 4, true);
        RankState state = new RankState(8, made.statistics());
        BatchStream batches = data.evaluate(0, 1)) {
      TrackedReplica replica = new TrackedReplica(made, state, group);
      assertThat(replica.evaluate(batches.next()).items()).isPositive();
      group.abort("rank 1 is gone");
      assertThat(batches.hasNext()).isTrue();
      assertThatThrownBy(() -> replica.evaluate(batches.next()))
          .isInstanceOf(CollectiveException.class)
          .hasMessageContaining("rank 1 is gone");
    }
  }

  @Test
  void shouldBeginNoStepThatNobodyWaitsFor() {
    try (FakeReplica made = new FakeReplica(diary);
        FakeGroup group = new FakeGroup(diary);
        FakeData data = new FakeData(8, 4, false);
        RankState state = new RankState(8, made.statistics());
        BatchStream batches = data.evaluate(0, 1)) {
      TrackedReplica replica = new TrackedReplica(made, state, group);
      group.abort("rank 1 is gone");
      assertThatThrownBy(() -> replica.forward(batches.next(), 1))
          .isInstanceOf(CollectiveException.class);
      assertThat(diary.lines()).noneMatch(line -> line.startsWith("forward"));
    }
  }
}
