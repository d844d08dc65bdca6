package dev.trireme.ps.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.IntBuffer;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class PortionsTest {
  @Property(tries = 300)
  void shouldDealEveryItemOnceAndNobodyNone(
      @ForAll @IntRange(min = 1, max = 63) int workers,
      @ForAll @IntRange(min = 0, max = 500) int more,
      @ForAll long seed) {
    Portions portions = new Portions(workers, workers + more);
    Random random = new Random(seed);
    for (int push = 0; push < random.nextInt(200); push++) {
      portions.measured(
          random.nextInt(workers), 1 + random.nextInt(100), (long) Math.exp(random.nextInt(30)));
    }
    int[] bounds = portions.decide(random.longs(workers, 0, 100).toArray());
    portions.fix(3, bounds);
    assertThat(portions.of(3)).contains(bounds);
    assertThat(bounds[0]).isZero();
    assertThat(bounds[workers]).isEqualTo(workers + more);
  }

  @Example
  void shouldDealBySpeed() {
    Portions portions = new Portions(3, 128);
    assertThat(portions.decide(new long[3])).containsExactly(0, 43, 85, 128);
    for (int push = 0; push < 50; push++) {
      portions.measured(0, 40, 40);
      portions.measured(1, 40, 200);
      portions.measured(2, 40, 40);
    }
    int[] bounds = portions.decide(new long[] {9, 8, 9});
    assertThat(bounds[2] - bounds[1]).isBetween(11, 14);
    assertThat(bounds[1]).isBetween(57, 59);
  }

  @Example
  void shouldDealLessToWhoIsBehind() {
    Portions portions = new Portions(2, 100);
    int even = portions.decide(new long[] {20, 19})[1];
    int behind = portions.decide(new long[] {20, 17})[1];
    int farBehind = portions.decide(new long[] {90, 10})[1];
    assertThat(even).isEqualTo(50);
    assertThat(behind).isBetween(65, 68);
    assertThat(farBehind).isGreaterThan(95).isLessThan(100);
  }

  @Example
  void shouldStayWithWhatIsFixed() {
    Portions portions = new Portions(2, 10);
    portions.fix(0, new int[] {0, 4, 10});
    portions.fix(0, new int[] {0, 4, 10});
    assertThatThrownBy(() -> portions.fix(0, new int[] {0, 5, 10})).hasMessageContaining("4");
    assertThatThrownBy(() -> portions.fix(1, new int[] {0, 0, 10})).hasMessageContaining("parts");
    assertThatThrownBy(() -> portions.fix(1, new int[] {0, 4, 9})).hasMessageContaining("parts");
  }

  @Example
  void shouldTellAnotherCopy() {
    Portions one = new Portions(2, 10);
    one.fix(4, new int[] {0, 4, 10});
    one.fix(5, new int[] {0, 9, 10});
    one.fix(6, new int[] {0, 8, 10});
    one.forgetBefore(5);
    IntBuffer numbers = IntBuffer.allocate(one.size());
    one.write(numbers);
    Portions two = new Portions(2, 10);
    two.read(numbers.flip());
    assertThat(two.of(4)).isEmpty();
    assertThat(two.of(5)).contains(new int[] {0, 9, 10});
    assertThat(two.of(6)).contains(new int[] {0, 8, 10});
  }
}
