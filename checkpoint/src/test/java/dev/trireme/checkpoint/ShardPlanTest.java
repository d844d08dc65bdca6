package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import dev.trireme.checkpoint.format.SafetensorsHeader;
import dev.trireme.checkpoint.format.TensorSpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class ShardPlanTest {
  private static List<TensorSpec> tensors(List<Integer> sizes) {
    List<TensorSpec> tensors = new ArrayList<>();
    for (int i = 0; i < sizes.size(); i++) {
      tensors.add(new TensorSpec("t" + i, DType.UINT8, Shape.of(sizes.get(i))));
    }
    return tensors;
  }

  @Property
  void shouldDealEveryTensorOnce(
      @ForAll @Size(max = 40) List<@IntRange(min = 0, max = 1000) Integer> sizes,
      @ForAll @IntRange(min = 1, max = 9) int worldSize) {
    List<TensorSpec> tensors = tensors(sizes);

    ShardPlan plan = ShardPlan.of(tensors, worldSize);

    assertThat(plan.shards()).hasSize(worldSize);
    assertThat(plan.shards().stream().flatMap(List::stream).map(SafetensorsHeader.Entry::spec))
        .containsExactlyInAnyOrderElementsOf(tensors);
  }

  @Property
  void shouldNeverGiveARankMoreThanItsPartAndTheLargestTensor(
      @ForAll @Size(min = 1, max = 40) List<@IntRange(min = 0, max = 1000) Integer> sizes,
      @ForAll @IntRange(min = 1, max = 9) int worldSize) {
    long total = sizes.stream().mapToLong(Integer::longValue).sum();
    long largest = Collections.max(sizes);

    ShardPlan plan = ShardPlan.of(tensors(sizes), worldSize);

    for (int rank = 0; rank < worldSize; rank++) {
      assertThat(plan.dataBytes(rank)).isLessThanOrEqualTo(total / worldSize + largest);
    }
  }

  @Property
  void shouldNotDependOnTheOrderOfTheTensors(
      @ForAll @Size(max = 20) List<@IntRange(min = 0, max = 9) Integer> sizes,
      @ForAll @IntRange(min = 1, max = 5) int worldSize,
      @ForAll long seed) {
    List<TensorSpec> shuffled = tensors(sizes);
    Collections.shuffle(shuffled, new Random(seed));

    assertThat(ShardPlan.of(shuffled, worldSize))
        .isEqualTo(ShardPlan.of(tensors(sizes), worldSize));
  }

  @Test
  void shouldHalveEqualTensorsBetweenTwoRanks() {
    ShardPlan plan = ShardPlan.of(tensors(List.of(8, 8, 8, 8)), 2);

    assertThat(plan.dataBytes(0)).isEqualTo(16);
    assertThat(plan.dataBytes(1)).isEqualTo(16);
  }

  @Test
  void shouldRefuseTwoOfOneName() {
    TensorSpec one = new TensorSpec("x", DType.UINT8, Shape.of(1));
    assertThatThrownBy(() -> ShardPlan.of(List.of(one, one), 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("two tensors are named 'x'");
  }
}
