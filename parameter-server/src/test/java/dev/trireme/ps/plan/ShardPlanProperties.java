package dev.trireme.ps.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Assume;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

class ShardPlanProperties {
  @Provide
  Arbitrary<List<Long>> counts() {
    return Arbitraries.longs().between(0, 6_000_000).list().ofMinSize(1).ofMaxSize(20);
  }

  @Property(tries = 300)
  void shouldCoverTheSlabInBalancedStretches(
      @ForAll("counts") List<Long> counts, @ForAll @IntRange(min = 1, max = 8) int servers) {
    Assume.that(counts.stream().mapToLong(c -> c).sum() > 0);
    ShardPlan plan = ShardPlan.of(counts, servers);

    long at = 0;
    for (Shard shard : plan.shards()) {
      assertThat(shard.from()).isEqualTo(at);
      assertThat(shard.count()).isLessThanOrEqualTo(plan.shards().get(0).count());
      at = shard.end();
    }
    assertThat(at).isEqualTo(plan.elements()).isEqualTo(counts.stream().mapToLong(c -> c).sum());
    assertThat(plan.shards()).hasSizeLessThanOrEqualTo(ShardPlan.MAX_SHARDS);
    plan.shards()
        .subList(0, plan.shards().size() - 1)
        .forEach(s -> assertThat(s.count()).isEqualTo(plan.shards().get(0).count()));
  }

  @Property(tries = 300)
  void shouldSayWhichShardsHoldAParameter(
      @ForAll("counts") List<Long> counts, @ForAll @IntRange(min = 1, max = 8) int servers) {
    Assume.that(counts.stream().mapToLong(c -> c).sum() > 0);
    ShardPlan plan = ShardPlan.of(counts, servers);
    for (int parameter = 0; parameter < plan.parameters(); parameter++) {
      long from = plan.offsets().get(parameter);
      long end = plan.offsets().get(parameter + 1);
      List<Integer> expected = new ArrayList<>();
      plan.shards().stream()
          .filter(s -> from < end && s.from() < end && s.end() > from)
          .forEach(s -> expected.add(s.index()));
      int[] range = plan.shardsOf(parameter);
      List<Integer> found = new ArrayList<>();
      for (int shard = range[0]; shard < range[1]; shard++) {
        found.add(shard);
      }
      assertThat(found).isEqualTo(expected);
    }
  }
}
