package dev.trireme.allreduce.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/**
 * In which order the ranks' elements are added, told by playing plans on expressions. A sum is
 * written with its operands in order of text, since a + b and b + a are the same bits.
 */
class SumOrderTest {
  private static final int GRAIN = 64;

  @Test
  void shouldAddInTheBalancedTreeOverContiguousRanks() {
    assertThat(treeOf(1)).isEqualTo("a");
    assertThat(treeOf(2)).isEqualTo("(a+b)");
    assertThat(treeOf(3)).isEqualTo("((a+b)+c)");
    assertThat(treeOf(4)).isEqualTo("((a+b)+(c+d))");
    assertThat(treeOf(5)).isEqualTo("(((a+b)+(c+d))+e)");
    assertThat(treeOf(7)).isEqualTo("(((a+b)+(c+d))+((e+f)+g))");
    assertThat(treeOf(8)).isEqualTo("(((a+b)+(c+d))+((e+f)+(g+h)))");
  }

  @Test
  void shouldHalveAndDoubleInABalancedTree() {
    assertThat(halvingOf(4)).isEqualTo("((a+c)+(b+d))");
    assertThat(halvingOf(5)).isEqualTo("(((a+b)+d)+(c+e))");
    assertThat(halvingOf(6)).isEqualTo("(((a+b)+e)+((c+d)+f))");
    assertThat(halvingOf(8)).isEqualTo("(((a+e)+(c+g))+((b+f)+(d+h)))");
  }

  @Property(tries = 200)
  void shouldAddEveryElementInTheSameOrderOnEveryRankWhateverTheTiming(
      @ForAll boolean tree, @ForAll @IntRange(min = 1, max = 12) int worldSize, @ForAll long seed) {
    List<List<Step>> plans = new ArrayList<>();
    for (int rank = 0; rank < worldSize; rank++) {
      plans.add(plan(tree, rank, worldSize));
    }
    String expected = tree ? treeOf(worldSize) : halvingOf(worldSize);
    assertThat(play(plans, new Random(seed))).containsExactly(expected);
  }

  private static String treeOf(int worldSize) {
    return only(true, worldSize);
  }

  private static String halvingOf(int worldSize) {
    return only(false, worldSize);
  }

  private static String only(boolean tree, int worldSize) {
    List<List<Step>> plans = new ArrayList<>();
    for (int rank = 0; rank < worldSize; rank++) {
      plans.add(plan(tree, rank, worldSize));
    }
    Set<String> found = play(plans, new Random(1));
    assertThat(found).hasSize(1);
    return found.iterator().next();
  }

  private static List<Step> plan(boolean tree, int rank, int worldSize) {
    long count = (long) GRAIN * worldSize;
    return tree
        ? TreeAllReduce.plan(rank, worldSize, count)
        : HalvingDoublingAllReduce.plan(rank, worldSize, count);
  }

  /** What all elements of all ranks are in the end; one element stands for each 64. */
  private static Set<String> play(List<List<Step>> plans, Random random) {
    int worldSize = plans.size();
    String[][] memory = new String[worldSize][worldSize];
    for (int rank = 0; rank < worldSize; rank++) {
      Arrays.fill(memory[rank], String.valueOf((char) ('a' + rank)));
    }
    int[][] told = new int[worldSize][worldSize];
    int[] position = new int[worldSize];
    for (int tries = 0; tries < 200_000; tries++) {
      int rank = random.nextInt(worldSize);
      if (position[rank] < plans.get(rank).size()
          && take(plans.get(rank).get(position[rank]), rank, memory, told)) {
        position[rank]++;
      }
      if (tries % 100 == 0 && isOver(plans, position)) {
        Set<String> found = new HashSet<>();
        Arrays.stream(memory).forEach(m -> found.addAll(List.of(m)));
        return found;
      }
    }
    throw new AssertionError("a rank is stuck: " + Arrays.toString(position));
  }

  private static boolean isOver(List<List<Step>> plans, int[] position) {
    for (int rank = 0; rank < position.length; rank++) {
      if (position[rank] < plans.get(rank).size()) {
        return false;
      }
    }
    return true;
  }

  private static boolean take(Step step, int rank, String[][] memory, int[][] told) {
    if (step instanceof Step.Await await) {
      return told[rank][await.peer()] >= await.stage();
    }
    if (step instanceof Step.Tell tell) {
      told[tell.peer()][rank] = tell.stage();
      return true;
    }
    Step.Work work = (Step.Work) step;
    for (int i = (int) work.from() / GRAIN; i < (work.from() + work.count()) / GRAIN; i++) {
      if (work instanceof Step.Reduce reduce) {
        memory[rank][i] = sum(memory[rank][i], memory[reduce.peer()][i]);
      } else if (work instanceof Step.Copy copy) {
        memory[rank][i] = memory[copy.peer()][i];
      } else if (work instanceof Step.ReduceTreeAndSpread) {
        for (TreeAllReduce.Sum sum : TreeAllReduce.sums(memory.length)) {
          memory[sum.left()][i] = sum(memory[sum.left()][i], memory[sum.right()][i]);
        }
        for (String[] each : memory) {
          each[i] = memory[0][i];
        }
      }
    }
    return true;
  }

  private static String sum(String x, String y) {
    String first = x.replace("(", "").compareTo(y.replace("(", "")) <= 0 ? x : y;
    return "(" + first + "+" + (first.equals(x) ? y : x) + ")";
  }
}
