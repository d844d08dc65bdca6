package dev.trireme.ps.shard;

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

class WishesTest {
  /** Workers go on at random, one wishes now and then: each wish ends at one step for all. */
  @Property(tries = 300)
  void shouldLetAllMeetTheSameWishesAfterTheSameSteps(
      @ForAll @IntRange(min = 1, max = 5) int workers, @ForAll long seed) {
    Random random = new Random(seed);
    // They go on after different steps, and some have read while others have not.
    long[] doing = random.longs(workers, 1, 9).toArray();
    Wishes wishes = new Wishes(doing);
    List<List<String>> met = new ArrayList<>();
    Set<Integer> wished = new HashSet<>();
    boolean[] entered = new boolean[workers];
    for (int worker = 0; worker < workers; worker++) {
      met.add(new ArrayList<>());
    }
    for (int event = 0; event < 600; event++) {
      int worker = random.nextInt(workers);
      if (event < 300 && random.nextInt(20) == 0) {
        int kind = 1 + random.nextInt(3);
        wished.add(kind);
        wishes.wish(kind);
      }
      if (!entered[worker]) {
        entered[worker] = true;
        long told = wishes.begins(worker, doing[worker]);
        assertThat(told == 0 || Wishes.stepOf(told) >= doing[worker]).isTrue();
        continue;
      }
      long told = wishes.begins(worker, doing[worker] + 1);
      int due = Wishes.kindsAfter(told, doing[worker]);
      if (due != 0) {
        met.get(worker).add(doing[worker] + ":" + due);
      }
      doing[worker]++;
    }
    // All come to where the furthest is.
    long most = Arrays.stream(doing).max().orElseThrow();
    for (int worker = 0; worker < workers; worker++) {
      while (doing[worker] < most) {
        long told = wishes.begins(worker, doing[worker] + 1);
        int due = Wishes.kindsAfter(told, doing[worker]);
        if (due != 0) {
          met.get(worker).add(doing[worker] + ":" + due);
        }
        doing[worker]++;
      }
    }
    assertThat(new HashSet<>(met)).as(met.toString()).hasSize(1);
    assertThat(met.get(0).isEmpty()).as(wished.toString()).isEqualTo(wished.isEmpty());
  }
}
