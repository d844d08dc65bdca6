package dev.trireme.coordinator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class SumsTest {
  @Property(tries = 300)
  void shouldFindTheSmallestSumThatIsEnough(
      @ForAll @Size(max = 10) List<@IntRange(min = 0, max = 90) Integer> numbers,
      @ForAll @IntRange(min = 1, max = 200) int least) {
    int limit = 300;
    int smallest = limit + 1;
    for (int chosen = 0; chosen < 1 << numbers.size(); chosen++) {
      int sum = 0;
      for (int i = 0; i < numbers.size(); i++) {
        sum += (chosen >> i & 1) * numbers.get(i);
      }
      smallest = sum >= least ? Math.min(smallest, sum) : smallest;
    }
    assertThat(Sums.gap(numbers, least, limit)).isEqualTo(smallest - least);
  }
}
