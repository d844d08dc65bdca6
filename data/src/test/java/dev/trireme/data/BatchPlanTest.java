package dev.trireme.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.data.Share;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import dev.trireme.data.BatchPlan.PlannedBatch;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class BatchPlanTest {
  @Property
  void shouldEvaluateEveryItemOnceInOrderWhateverTheWorldSize(
      @ForAll @IntRange(min = 1, max = 400) int items,
      @ForAll @IntRange(min = 1, max = 500) int batchSize,
      @ForAll @IntRange(min = 1, max = 9) int worldSize)
      throws InterruptedException {
    DatasetInfo info = new DatasetInfo(items, Shape.of(1), DType.FLOAT32, 2);
    List<Integer> seen = new ArrayList<>();
    for (int rank = 0; rank < worldSize; rank++) {
      BatchPlan plan = new BatchPlan.Evaluation(info, batchSize, rank, worldSize);
      long batches = 0;
      for (Optional<PlannedBatch> next = plan.next(); next.isPresent(); next = plan.next()) {
        PlannedBatch batch = next.get();
        batches++;
        assertThat(batch.size()).isEqualTo(batch.globalSize()).isBetween(1, plan.largestBatch());
        assertThat(batch.from()).isEqualTo(new Cursor(0, seen.size()));
        for (int i = batch.begin(); i < batch.end(); i++) {
          seen.add(batch.items()[i]);
        }
        assertThat(batch.after()).isEqualTo(new Cursor(0, seen.size()));
      }
      assertThat(plan.batches()).isEqualTo(batches);
    }
    assertThat(seen).containsExactlyElementsOf(IntStream.range(0, items).boxed().toList());
  }

  @Test
  void shouldTrainOnTheOrderOfEachEpochInTurn() throws InterruptedException {
    DistributedSampler sampler = new DistributedSampler(5, 3, 8);
    BatchPlan plan = new BatchPlan.Training(sampler, new Cursor(6, 3), Share.equal(0, 1));

    PlannedBatch rest = plan.next().orElseThrow();
    PlannedBatch first = plan.next().orElseThrow();

    assertThat(rest.items()).isEqualTo(sampler.order(6));
    assertThat(rest.begin()).isEqualTo(3);
    assertThat(rest.end()).isEqualTo(5);
    assertThat(first.items()).isEqualTo(sampler.order(7));
    assertThat(first.begin()).isZero();
    assertThat(first.from()).isEqualTo(rest.after()).isEqualTo(new Cursor(7, 0));
  }

  @Test
  void shouldTakeNothingOfABatchWithoutAShare() throws InterruptedException {
    DistributedSampler sampler = new DistributedSampler(10, 4, 8);
    BatchPlan plan =
        new BatchPlan.Training(
            sampler,
            Cursor.START,
            from -> from.position() == 4 ? Optional.empty() : Optional.of(new Share(1, 3, 4)),
            4);
    PlannedBatch first = plan.next().orElseThrow();
    PlannedBatch second = plan.next().orElseThrow();
    PlannedBatch last = plan.next().orElseThrow();
    assertThat(first.begin()).isEqualTo(1);
    assertThat(first.size()).isEqualTo(3);
    assertThat(second.size()).isZero();
    assertThat(second.globalSize()).isEqualTo(4);
    assertThat(second.after()).isEqualTo(last.from());
    assertThat(last.end()).isEqualTo(10);
    assertThat(last.after()).isEqualTo(new Cursor(1, 0));
  }

  @Test
  void shouldRefuseRankOutsideTheWorld() {
    assertThatThrownBy(
            () ->
                new BatchPlan.Training(
                    new DistributedSampler(5, 3, 8), Cursor.START, Share.equal(3, 3)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("0..2", "found 3");
  }
}
