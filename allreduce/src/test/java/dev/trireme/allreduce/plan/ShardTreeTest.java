package dev.trireme.allreduce.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.Share;
import dev.trireme.api.train.ShardTree;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class ShardTreeTest {
  @Property
  void shouldAssociateTheShardsSumsAlikeForEveryNumberOfRanks(
      @ForAll @IntRange(max = 7) int power, @ForAll @IntRange(min = 1, max = 64) int ranks) {
    int shards = 1 << power;
    int worldSize = Math.min(ranks, shards);
    String[] sums = new String[worldSize];
    for (int rank = 0; rank < worldSize; rank++) {
      Share share = new ShardTree(shards).share(rank, worldSize);
      sums[rank] = balanced(share.first(), share.count());
    }
    for (TreeAllReduce.Sum sum : TreeAllReduce.sums(worldSize)) {
      sums[sum.left()] = "(" + sums[sum.left()] + "+" + sums[sum.right()] + ")";
    }
    assertThat(sums[0]).isEqualTo(balanced(0, shards));
  }

  /** The sum of some leaves as it is written with all its brackets. */
  private static String balanced(int first, int count) {
    return count == 1
        ? String.valueOf(first)
        : "("
            + balanced(first, count / 2)
            + "+"
            + balanced(first + count / 2, count - count / 2)
            + ")";
  }

  @Property
  void shouldDealEveryShardToOneRankAndNoRankMoreThanTwiceAnothers(
      @ForAll @IntRange(max = 10) int power, @ForAll @IntRange(min = 1, max = 64) int ranks) {
    int shards = 1 << power;
    int worldSize = Math.min(ranks, shards);
    int next = 0;
    int least = shards;
    int most = 0;
    for (int rank = 0; rank < worldSize; rank++) {
      Share share = new ShardTree(shards).share(rank, worldSize);
      assertThat(share.first()).isEqualTo(next);
      assertThat(share.first() % share.count()).as("aligned").isZero();
      next += share.count();
      least = Math.min(least, share.count());
      most = Math.max(most, share.count());
    }
    assertThat(next).isEqualTo(shards);
    assertThat(most).isLessThanOrEqualTo(2 * least);
  }

  @Test
  void shouldRefuseMoreRanksThanShardsAndWhatIsNoPowerOfTwo() {
    assertThatThrownBy(() -> new ShardTree(4).share(0, 5)).hasMessageContaining("logicalShards");
    assertThatThrownBy(() -> new ShardTree(6)).hasMessageContaining("power of two");
  }
}
