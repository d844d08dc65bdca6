package dev.trireme.ps.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.job.ConsistencySpec;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class PortionsTest {
  /** The same bounds in each step of a window. */
  private static int[] always(int... bounds) {
    return IntStream.range(0, Portions.WINDOW).flatMap(step -> Arrays.stream(bounds)).toArray();
  }

  private static int[] sizes(int[] parts, int workers, int worker) {
    return IntStream.rangeClosed(1, Portions.WINDOW)
        .map(
            step ->
                Portions.bound(parts, workers, step, worker + 1)
                    - Portions.bound(parts, workers, step, worker))
        .toArray();
  }

  /** The first and the third do 40 items in 40, the second in so much. */
  private static Portions withASlowOne(int longest, long nanos) {
    Portions portions = new Portions(3, 128, longest);
    for (int push = 0; push < 50; push++) {
      portions.measured(0, 40, 40);
      portions.measured(1, 40, nanos);
      portions.measured(2, 40, 40);
    }
    return portions;
  }

  @Property(tries = 300)
  void shouldDealEveryItemOnceAndNobodyNone(
      @ForAll @IntRange(min = 1, max = 63) int workers,
      @ForAll @IntRange(min = 0, max = 500) int more,
      @ForAll @IntRange(min = 1, max = 9) int longest,
      @ForAll boolean whole,
      @ForAll long seed) {
    Portions portions = new Portions(workers, workers + more, longest);
    Random random = new Random(seed);
    for (int push = 0; push < random.nextInt(200); push++) {
      portions.measured(
          random.nextInt(workers), 1 + random.nextInt(100), (long) Math.exp(random.nextInt(30)));
    }
    int[] parts = portions.decide(random.longs(workers, 0, 100).toArray(), whole);
    portions.fix(3, parts);
    assertThat(portions.of(3)).contains(parts);
    for (int worker = 0; worker < workers; worker++) {
      int[] mine = sizes(parts, workers, worker);
      assertThat(mine[0]).as("in the first step").isPositive();
      if (!whole) {
        assertThat(mine).as("who may join in the middle").doesNotContain(0);
      }
    }
    for (long step = 1; step <= Portions.WINDOW; step++) {
      assertThat(Portions.bound(parts, workers, step, 0)).isZero();
      assertThat(Portions.bound(parts, workers, step, workers)).isEqualTo(workers + more);
    }
  }

  @Example
  void shouldDealBySpeed() {
    assertThat(new Portions(3, 128, 8).decide(new long[3], true)).isEqualTo(always(0, 43, 85, 128));
    int[] parts = withASlowOne(8, 60).decide(new long[] {9, 8, 9}, true);
    assertThat(sizes(parts, 3, 1)).containsOnly(32);
    assertThat(sizes(parts, 3, 0)).containsOnly(48);
  }

  @Example
  void shouldLetWhoIsSlowRestInBetween() {
    int[] parts = withASlowOne(8, 200).decide(new long[] {9, 8, 9}, true);
    int[] slow = sizes(parts, 3, 1);
    assertThat(slow[0]).isBetween(30, 60);
    assertThat(slow).containsExactly(slow[0], 0, 0, 0, slow[0], 0, 0, 0);
    assertThat(sizes(parts, 3, 0)[1]).isEqualTo(64);
    assertThat(Portions.rests(parts, 3, 1, 1)).isFalse();
    assertThat(Portions.rests(parts, 3, 1, 2)).isTrue();
    assertThat(Portions.rests(parts, 3, 0, 2)).isFalse();
  }

  @Example
  void shouldNotRestForLongerThanTheBoundLeavesRoomFor() {
    assertThat(Portions.longestStride(new ConsistencySpec.Asp())).isEqualTo(Portions.WINDOW);
    assertThat(Portions.longestStride(new ConsistencySpec.Ssp(0))).isEqualTo(1);
    assertThat(Portions.longestStride(new ConsistencySpec.Ssp(4))).isEqualTo(5);
    assertThat(sizes(withASlowOne(2, 4000).decide(new long[3], true), 3, 1)[2]).isPositive();
    assertThat(sizes(withASlowOne(1, 4000).decide(new long[3], true), 3, 1)).doesNotContain(0);
    assertThat(sizes(withASlowOne(8, 4000).decide(new long[3], true), 3, 1)[4]).isZero();
  }

  @Example
  void shouldDealLessToWhoIsBehind() {
    Portions portions = new Portions(2, 100, 1);
    int even = portions.decide(new long[] {20, 19}, true)[1];
    int behind = portions.decide(new long[] {20, 17}, true)[1];
    int farBehind = portions.decide(new long[] {90, 10}, true)[1];
    assertThat(even).isEqualTo(50);
    assertThat(behind).isBetween(65, 68);
    assertThat(farBehind).isGreaterThan(95).isLessThan(100);
  }

  @Example
  void shouldNotTakeWhoRestsForFarAhead() {
    int[] behind = withASlowOne(8, 200).decide(new long[] {9, 16, 9}, true);
    int[] level = withASlowOne(8, 200).decide(new long[] {9, 8, 9}, true);
    assertThat(behind).isEqualTo(level);
  }

  @Example
  void shouldStayWithWhatIsFixed() {
    Portions portions = new Portions(2, 10, 8);
    portions.fix(0, always(0, 4, 10));
    portions.fix(0, always(0, 4, 10));
    assertThatThrownBy(() -> portions.fix(0, always(0, 5, 10))).hasMessageContaining("4");
    assertThatThrownBy(() -> portions.fix(1, always(0, 0, 10))).hasMessageContaining("parts");
    assertThatThrownBy(() -> portions.fix(1, always(0, 4, 9))).hasMessageContaining("parts");
    assertThatThrownBy(() -> portions.fix(1, new int[] {0, 4, 10})).hasMessageContaining("parts");
    int[] resting = always(0, 4, 10);
    resting[4] = 0;
    portions.fix(1, resting);
  }

  @Example
  void shouldTellAnotherCopy() {
    Portions one = new Portions(2, 10, 8);
    one.fix(4, always(0, 4, 10));
    one.fix(5, always(0, 9, 10));
    one.fix(6, always(0, 8, 10));
    one.forgetBefore(5);
    IntBuffer numbers = IntBuffer.allocate(one.size());
    one.write(numbers);
    Portions two = new Portions(2, 10, 8);
    two.read(numbers.flip());
    assertThat(two.of(4)).isEmpty();
    assertThat(two.of(5)).contains(always(0, 9, 10));
    assertThat(two.of(6)).contains(always(0, 8, 10));
  }
}
