package dev.trireme.ps.shard;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.ConsistencySpec.Asp;
import dev.trireme.api.job.ConsistencySpec.Bsp;
import dev.trireme.api.job.ConsistencySpec.Ssp;
import dev.trireme.ps.shard.Clocks.Ruling;
import java.util.Arrays;
import java.util.OptionalLong;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class ClocksProperties {
  /** Workers take turns at random: each pushes its step, then begins the next when it may. */
  private static Staleness live(ConsistencySpec consistency, int workers, long seed, int events) {
    Clocks clocks = new Clocks(consistency, workers, 0);
    Random random = new Random(seed);
    long[] at = new long[workers];
    boolean[] pushed = new boolean[workers];
    Arrays.fill(at, 1);
    Staleness staleness = new Staleness();
    for (int event = 0; event < events; event++) {
      int worker = Math.min(random.nextInt(workers), random.nextInt(workers));
      if (!pushed[worker]) {
        Ruling ruling = clocks.push(worker, at[worker]);
        assertThat(ruling).isNotIn(Ruling.EARLY, Ruling.DUPLICATE);
        assertThat(clocks.rule(worker, at[worker])).isEqualTo(Ruling.DUPLICATE);
        clocks.commit(worker, at[worker]);
        OptionalLong who = clocks.complete();
        if (who.isPresent()) {
          assertThat(clocks.holdsAll(who.getAsLong())).isTrue();
          clocks.advance();
        }
        pushed[worker] = true;
      } else if (clocks.mayBegin(worker, at[worker] + 1)) {
        at[worker]++;
        staleness.add(clocks.behind(worker, at[worker]));
        pushed[worker] = false;
      }
    }
    return staleness;
  }

  @Property(tries = 300)
  void shouldNeverExceedTheBound(
      @ForAll @IntRange(min = 1, max = 6) int workers,
      @ForAll @IntRange(min = 0, max = 8) int bound,
      @ForAll long seed) {
    Staleness staleness = live(new Ssp(bound), workers, seed, 2000);
    assertThat(staleness.largest()).isLessThanOrEqualTo(bound);
  }

  @Property(tries = 100)
  void shouldReachTheBoundWhenAWorkerIsSlow(
      @ForAll @IntRange(min = 1, max = 4) int bound, @ForAll long seed) {
    assertThat(live(new Ssp(bound), 4, seed, 4000).largest()).isEqualTo(bound);
  }

  @Example
  void shouldNotWaitForWhoHasNoPart() {
    Clocks clocks = new Clocks(new Ssp(1), 2, 0);
    assertThat(clocks.push(0, 1, 4)).isEqualTo(Ruling.APPLY);
    for (int step = 1; step <= 5; step++) {
      assertThat(clocks.mayBegin(1, step)).isTrue();
      assertThat(clocks.push(1, step)).isEqualTo(Ruling.APPLY);
    }
    assertThat(clocks.mayBegin(1, 6)).isTrue();
    assertThat(clocks.mayBegin(1, 7)).isFalse();
    assertThat(clocks.rule(0, 1)).isEqualTo(Ruling.DUPLICATE);
    assertThat(clocks.rule(0, 5)).isEqualTo(Ruling.APPLY);
    assertThat(clocks.rule(0, 6)).isEqualTo(Ruling.EARLY);
  }

  @Property(tries = 100)
  void shouldKeepSynchronousWorkersTogether(
      @ForAll @IntRange(min = 1, max = 6) int workers, @ForAll long seed) {
    assertThat(live(new Bsp(0), workers, seed, 2000).largest()).isZero();
  }

  @Property(tries = 100)
  void shouldNotWaitForThoseLeftOut(
      @ForAll @IntRange(min = 2, max = 6) int workers, @ForAll long seed) {
    live(new Bsp(1), workers, seed, 2000);
  }

  @Example
  void shouldLetAsynchronousWorkersRun() {
    Clocks clocks = new Clocks(new Asp(), 2, 0);
    for (int step = 1; step <= 100; step++) {
      assertThat(clocks.push(0, step)).isEqualTo(Ruling.APPLY);
      assertThat(clocks.mayBegin(0, step + 1)).isTrue();
    }
    assertThat(clocks.behind(0, 101)).isEqualTo(100);
    assertThat(clocks.applied()).isZero();
  }

  @Example
  void shouldCompleteAStepOnlyWhenAllHaveCommittedIt() {
    Clocks clocks = new Clocks(new Bsp(0), 2, 0);
    clocks.push(0, 1);
    clocks.push(1, 1);
    clocks.commit(0, 1);
    assertThat(clocks.complete()).isEmpty();
    clocks.newGeneration();
    clocks.commit(1, 1);
    assertThat(clocks.complete()).as("a commit of an older generation counts no more").isEmpty();
    clocks.commit(0, 1);
    assertThat(clocks.complete()).hasValue(3);
  }

  @Example
  void shouldLeaveTheSlowestOut() {
    Clocks clocks = new Clocks(new Bsp(1), 3, 0);
    clocks.push(2, 1);
    clocks.commit(2, 1);
    clocks.push(0, 1);
    assertThat(clocks.complete()).isEmpty();
    clocks.commit(0, 1);
    assertThat(clocks.complete()).hasValue(5);
    clocks.advance();
    assertThat(clocks.push(1, 1)).isEqualTo(Ruling.LATE);
    assertThat(clocks.push(1, 1)).isEqualTo(Ruling.DUPLICATE);
    assertThat(clocks.mayBegin(1, 2)).isTrue();
  }

  @Example
  void shouldSeeAMissingPush() {
    assertThat(new Clocks(new Asp(), 1, 0).push(0, 2)).isEqualTo(Ruling.EARLY);
    assertThat(new Clocks(new Bsp(0), 1, 0).push(0, 2)).isEqualTo(Ruling.EARLY);
  }

  @Example
  void shouldTakeOverAnotherCopysState() {
    Clocks one = new Clocks(new Bsp(0), 2, 4);
    one.push(1, 5);
    Clocks two = new Clocks(new Bsp(0), 2, 0);
    two.restore(one.state());
    assertThat(two.progress()).isEqualTo(one.progress());
    assertThat(two.rule(1, 5)).isEqualTo(Ruling.DUPLICATE);
    assertThat(two.rule(0, 5)).isEqualTo(Ruling.HOLD);
  }
}
