package dev.trireme.allreduce.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Plans played on arrays by ranks that take turns at random: any order must give the same sums. */
class PlanTest {
  /** The algorithms under test. */
  enum Algorithm {
    RING,
    OWNER,
    HALVING_DOUBLING,
    TREE,
    STAGED_RING,
    STAGED_OWNER,
    STAGED_HALVING_DOUBLING,
    STAGED_TREE
  }

  @Property(tries = 500)
  void shouldSumInAnyInterleaving(
      @ForAll Algorithm algorithm,
      @ForAll @IntRange(min = 1, max = 9) int worldSize,
      @ForAll @IntRange(max = 2_000) int count,
      @ForAll long seed) {
    List<List<Step>> plans = new ArrayList<>();
    for (int rank = 0; rank < worldSize; rank++) {
      plans.add(plan(algorithm, rank, worldSize, count));
    }
    Play play = new Play(plans, count, new Random(seed));
    play.run();
    long[] expected = new long[count];
    for (int i = 0; i < count; i++) {
      for (int rank = 0; rank < worldSize; rank++) {
        expected[i] += Play.value(rank, i);
      }
    }
    for (int rank = 0; rank < worldSize; rank++) {
      assertThat(play.users[rank]).as("rank %s", rank).isEqualTo(expected);
    }
  }

  @Property(tries = 800, edgeCases = EdgeCasesMode.NONE)
  void shouldBroadcastInAnyInterleaving(
      @ForAll @IntRange(min = 1, max = 9) int worldSize,
      @ForAll @IntRange(max = 500) int count,
      @ForAll @IntRange(max = 8) int anyRoot,
      @ForAll boolean staged,
      @ForAll long seed) {
    int root = anyRoot % worldSize;
    List<List<Step>> plans = new ArrayList<>();
    for (int rank = 0; rank < worldSize; rank++) {
      plans.add(Plans.broadcast(rank, worldSize, root, count, staged));
    }
    Play play = new Play(plans, count, new Random(seed));
    // Only a staged root has a second place for its elements.
    play.shareUsers(rank -> !staged || rank != root);
    play.run();
    for (int rank = 0; rank < worldSize; rank++) {
      for (int i = 0; i < count; i++) {
        assertThat(play.users[rank][i]).isEqualTo(Play.value(root, i));
      }
    }
  }

  @Property(tries = 500)
  void shouldCoverTheBufferWithChunksOnCacheLines(
      @ForAll @IntRange(min = 1, max = 64) int parts, @ForAll @IntRange(max = 100_000) int count) {
    Chunks chunks = new Chunks(count, parts);
    long next = 0;
    for (int i = 0; i < parts; i++) {
      assertThat(chunks.from(i)).isEqualTo(next);
      assertThat(chunks.from(i) % 64 == 0 || chunks.from(i) == count).isTrue();
      assertThat(chunks.length(i)).isNotNegative();
      next += chunks.length(i);
    }
    assertThat(next).isEqualTo(count);
  }

  private static List<Step> plan(Algorithm algorithm, int rank, int worldSize, int count) {
    List<Step> plan =
        switch (algorithm) {
          case RING, STAGED_RING -> RingAllReduce.plan(rank, worldSize, count);
          case OWNER, STAGED_OWNER -> OwnerAllReduce.plan(rank, worldSize, count);
          case TREE, STAGED_TREE -> TreeAllReduce.plan(rank, worldSize, count);
          case HALVING_DOUBLING, STAGED_HALVING_DOUBLING ->
              HalvingDoublingAllReduce.plan(rank, worldSize, count);
        };
    return algorithm.name().startsWith("STAGED")
        ? Plans.staged(plan, rank, worldSize, count)
        : plan;
  }

  /** The ranks' memory and how far each is; finish divides by nothing, as for a sum. */
  private static final class Play {
    private final List<List<Step>> plans;
    private final Random random;
    private final int[] position;
    private final int[][] told;
    private final long[][] users;
    private final long[][] addressable;

    Play(List<List<Step>> plans, int count, Random random) {
      int worldSize = plans.size();
      this.plans = plans;
      this.random = random;
      this.position = new int[worldSize];
      this.told = new int[worldSize][worldSize];
      this.users = new long[worldSize][count];
      this.addressable = new long[worldSize][count];
      for (int rank = 0; rank < worldSize; rank++) {
        for (int i = 0; i < count; i++) {
          users[rank][i] = value(rank, i);
        }
        Arrays.fill(addressable[rank], Long.MIN_VALUE / 1000);
        boolean staged = plans.get(rank).stream().anyMatch(s -> s instanceof Step.Load);
        if (!staged) {
          addressable[rank] = users[rank];
        }
      }
    }

    static long value(int rank, int i) {
      return 1_000L * (rank + 1) + i;
    }

    void shareUsers(java.util.function.IntPredicate which) {
      for (int rank = 0; rank < users.length; rank++) {
        if (which.test(rank)) {
          addressable[rank] = users[rank];
        }
      }
    }

    void run() {
      int stuck = 0;
      while (stuck < 200 * plans.size()) {
        int rank = random.nextInt(plans.size());
        List<Step> plan = plans.get(rank);
        if (position[rank] < plan.size() && take(rank, plan.get(position[rank]))) {
          position[rank]++;
          stuck = 0;
        } else {
          stuck++;
        }
      }
      for (int rank = 0; rank < plans.size(); rank++) {
        assertThat(position[rank]).as("rank %s is stuck", rank).isEqualTo(plans.get(rank).size());
      }
    }

    private boolean take(int rank, Step step) {
      if (step instanceof Step.Await await) {
        return told[rank][await.peer()] >= await.stage();
      }
      if (step instanceof Step.Tell tell) {
        assertThat(tell.stage()).as("stages only rise").isGreaterThan(told[tell.peer()][rank]);
        told[tell.peer()][rank] = tell.stage();
        return true;
      }
      Step.Work work = (Step.Work) step;
      for (int i = (int) work.from(); i < work.from() + work.count(); i++) {
        element(rank, work, i);
      }
      return true;
    }

    private void element(int rank, Step.Work work, int i) {
      long[] own = addressable[rank];
      if (work instanceof Step.Reduce reduce) {
        own[i] += addressable[reduce.peer()][i];
      } else if (work instanceof Step.Copy copy) {
        own[i] = addressable[copy.peer()][i];
      } else if (work instanceof Step.Load) {
        own[i] = users[rank][i];
      } else if (work instanceof Step.Store) {
        users[rank][i] = own[i];
      } else if (work instanceof Step.ReduceAndSpread) {
        long sum = 0;
        for (long[] each : addressable) {
          sum += each[i];
        }
        for (long[] each : addressable) {
          each[i] = sum;
        }
      } else if (work instanceof Step.ReduceTreeAndSpread) {
        for (TreeAllReduce.Sum sum : TreeAllReduce.sums(addressable.length)) {
          addressable[sum.left()][i] += addressable[sum.right()][i];
        }
        for (long[] each : addressable) {
          each[i] = addressable[0][i];
        }
      }
    }
  }
}
