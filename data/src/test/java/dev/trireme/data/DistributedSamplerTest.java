package dev.trireme.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.data.DataException;
import dev.trireme.api.data.Share;
import dev.trireme.data.BatchPlan.PlannedBatch;
import dev.trireme.data.DistributedSampler.GlobalBatch;
import dev.trireme.data.DistributedSampler.Part;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class DistributedSamplerTest {
  // Computed by a second implementation, from the prose in DistributedSampler and SplitMix64.
  private static final int[] GOLDEN_1_0 = {7, 2, 6, 8, 0, 1, 5, 9, 3, 4};
  private static final int[] GOLDEN_1_1 = {6, 5, 4, 7, 2, 9, 0, 1, 8, 3};
  private static final int[] GOLDEN_2_0 = {4, 5, 2, 7, 9, 1, 3, 8, 0, 6};
  private static final int GOLDEN_HASH = -1864154931;

  @Test
  void shouldKeepItsOrderForever() {
    // Jobs that resume after an update depend on these very numbers.
    assertThat(new DistributedSampler(10, 4, 1).order(0)).containsExactly(GOLDEN_1_0);
    assertThat(new DistributedSampler(10, 4, 1).order(1)).containsExactly(GOLDEN_1_1);
    assertThat(new DistributedSampler(10, 4, 2).order(0)).containsExactly(GOLDEN_2_0);
    assertThat(Arrays.hashCode(new DistributedSampler(60_000, 4, -7).order(3)))
        .isEqualTo(GOLDEN_HASH);
  }

  @Property
  void shouldVisitEveryItemOnceAnEpoch(
      @ForAll @IntRange(min = 1, max = 500) int items,
      @ForAll @IntRange(min = 1, max = 600) int batchSize,
      @ForAll long seed,
      @ForAll @IntRange(min = 1, max = 9) int worldSize)
      throws InterruptedException {
    int epoch = 3;
    List<Integer> seen = new ArrayList<>();
    for (int rank = 0; rank < worldSize; rank++) {
      BatchPlan plan =
          new BatchPlan.Training(
              new DistributedSampler(items, batchSize, seed),
              new Cursor(epoch, 0),
              Share.equal(rank, worldSize));
      PlannedBatch batch = plan.next().orElseThrow();
      for (; batch.from().epoch() == epoch; batch = plan.next().orElseThrow()) {
        assertThat(batch.size()).isBetween(0, plan.largestBatch());
        for (int i = batch.begin(); i < batch.end(); i++) {
          seen.add(batch.items()[i]);
        }
      }
    }
    assertThat(seen).hasSize(items);
    assertThat(seen.stream().distinct()).hasSize(items);
    assertThat(seen).allMatch(item -> item >= 0 && item < items);
  }

  @Property
  void shouldJoinPartsOfRanksToTheGlobalBatch(
      @ForAll @IntRange(max = 10_000) int size,
      @ForAll @IntRange(min = 1, max = 64) int worldSize) {
    int next = 0;
    for (int rank = 0; rank < worldSize; rank++) {
      Part part = DistributedSampler.part(size, rank, worldSize);
      assertThat(part.begin()).isEqualTo(next);
      assertThat(part.size()).isBetween(size / worldSize, (size + worldSize - 1) / worldSize);
      next = part.end();
    }
    assertThat(next).isEqualTo(size);
  }

  @Property
  void shouldNeitherMissNorRepeatItemsWhenTheWorldChangesEachStep(
      @ForAll @IntRange(min = 1, max = 300) int items,
      @ForAll @IntRange(min = 1, max = 64) int batchSize,
      @ForAll long seed,
      @ForAll @Size(min = 1, max = 8) List<@IntRange(min = 1, max = 7) Integer> worldSizes)
      throws InterruptedException {
    DistributedSampler sampler = new DistributedSampler(items, batchSize, seed);
    List<Integer> seen = new ArrayList<>();
    Cursor cursor = Cursor.START;
    for (int step = 0; cursor.epoch() == 0; step++) {
      int worldSize = worldSizes.get(step % worldSizes.size());
      Cursor after = cursor;
      for (int rank = 0; rank < worldSize; rank++) {
        PlannedBatch batch =
            new BatchPlan.Training(sampler, cursor, Share.equal(rank, worldSize))
                .next()
                .orElseThrow();
        for (int i = batch.begin(); i < batch.end(); i++) {
          seen.add(batch.items()[i]);
        }
        after = batch.after();
      }
      cursor = after;
    }
    assertThat(cursor).isEqualTo(new Cursor(1, 0));
    assertThat(seen).containsExactlyElementsOf(boxed(sampler.order(0)));
  }

  @Property
  void shouldCutAnEpochIntoWholeBatchesAndOneShortOne(
      @ForAll @IntRange(min = 1, max = 10_000) int items,
      @ForAll @IntRange(min = 1, max = 3_000) int batchSize) {
    DistributedSampler sampler = new DistributedSampler(items, batchSize, 1);
    Cursor cursor = Cursor.START;
    int steps = 0;
    int rest = items;
    while (cursor.epoch() == 0) {
      GlobalBatch batch = sampler.at(cursor);
      assertThat(batch.from()).isEqualTo(cursor);
      assertThat(batch.size()).isEqualTo(Math.min(batchSize, rest));
      rest -= batch.size();
      cursor = batch.after();
      steps++;
    }
    assertThat(rest).isZero();
    assertThat(steps).isEqualTo((items + batchSize - 1) / batchSize);
  }

  @Test
  void shouldGiveEachEpochAndSeedAnOrderOfItsOwn() {
    int[] first = new DistributedSampler(1000, 10, 1).order(0);
    assertThat(new DistributedSampler(1000, 10, 1).order(1)).isNotEqualTo(first);
    assertThat(new DistributedSampler(1000, 10, 2).order(0)).isNotEqualTo(first);
    assertThat(new DistributedSampler(1000, 77, 1).order(0)).isEqualTo(first);
  }

  @Test
  void shouldShuffleEvenly() {
    // Over 6000 epochs each of 4! orders is due 250 times; the deviation of one count is 15.5.
    int[] counts = new int[1 << 8];
    DistributedSampler sampler = new DistributedSampler(4, 1, 42);
    for (int epoch = 0; epoch < 6000; epoch++) {
      int[] o = sampler.order(epoch);
      counts[o[0] << 6 | o[1] << 4 | o[2] << 2 | o[3]]++;
    }
    int[] seen = Arrays.stream(counts).filter(count -> count > 0).toArray();
    assertThat(seen).hasSize(24);
    assertThat(seen)
        .satisfies(s -> assertThat(Arrays.stream(s).min().orElse(0)).isGreaterThan(180));
    assertThat(seen).satisfies(s -> assertThat(Arrays.stream(s).max().orElse(0)).isLessThan(320));
  }

  @Test
  void shouldContinueInMidEpochWithAnotherBatchSize() {
    GlobalBatch batch = new DistributedSampler(100, 30, 1).at(new Cursor(4, 85));
    assertThat(batch).isEqualTo(new GlobalBatch(new Cursor(4, 85), new Cursor(5, 0), 15));
  }

  @Test
  void shouldTakeTheEndOfAnEpochForTheBeginningOfTheNext() {
    GlobalBatch batch = new DistributedSampler(100, 30, 1).at(new Cursor(4, 100));
    assertThat(batch).isEqualTo(new GlobalBatch(new Cursor(5, 0), new Cursor(5, 30), 30));
  }

  @Test
  void shouldRefuseCursorPastTheEnd() {
    assertThatThrownBy(() -> new DistributedSampler(100, 30, 1).at(new Cursor(0, 101)))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("item 101 of epoch 0", "only 100 items");
  }

  @Test
  void shouldLeaveARankNothingWhereItemsAreFew() {
    assertThat(DistributedSampler.part(1, 0, 2).size()).isZero();
    assertThat(DistributedSampler.part(1, 1, 2)).isEqualTo(new Part(0, 1));
    assertThat(new DistributedSampler(10, 7, 1).largestPart(Share.equal(1, 2))).isEqualTo(4);
    assertThat(new DistributedSampler(3, 7, 1).largestPart(Share.equal(3, 8))).isEqualTo(1);
    assertThat(DistributedSampler.part(Integer.MAX_VALUE, 4095, 4096).end())
        .isEqualTo(Integer.MAX_VALUE);
  }

  @Test
  void shouldRefuseNumbersThatMeanNothing() {
    assertThatThrownBy(() -> new DistributedSampler(0, 1, 1)).hasMessageContaining("0 items");
    assertThatThrownBy(() -> new DistributedSampler(1, 0, 1)).hasMessageContaining("batches of 0");
    assertThatThrownBy(() -> DistributedSampler.part(5, -1, 2)).hasMessageContaining("found -1");
    assertThatThrownBy(() -> DistributedSampler.part(5, 2, 2)).hasMessageContaining("0..1");
  }

  private static List<Integer> boxed(int[] values) {
    return Arrays.stream(values).boxed().toList();
  }
}
