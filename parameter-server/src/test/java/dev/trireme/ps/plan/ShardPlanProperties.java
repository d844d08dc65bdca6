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
    ShardPlan plan =
        ShardPlan.of(counts.stream().map(c -> new ShardPlan.Size(c, 0)).toList(), servers);

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
    ShardPlan plan =
        ShardPlan.of(counts.stream().map(c -> new ShardPlan.Size(c, 0)).toList(), servers);
    for (int parameter = 0; parameter < plan.parameters(); parameter++) {
      long from = plan.offsets().get(parameter);
      long end = from + plan.sizes().get(parameter).count();
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

  @Property(tries = 300)
  void shouldCutTablesBetweenRows(
      @ForAll @IntRange(min = 0, max = 100_000) int dense,
      @ForAll @IntRange(min = 1, max = 50_000) int rows,
      @ForAll @IntRange(min = 1, max = 3000) int width,
      @ForAll @IntRange(min = 1, max = 8) int servers) {
    ShardPlan plan =
        ShardPlan.of(
            List.of(new ShardPlan.Size((long) rows * width, width), new ShardPlan.Size(dense, 0)),
            servers);
    long at = 0;
    int row = 0;
    for (Shard shard : plan.shards()) {
      assertThat(shard.from()).isEqualTo(at);
      assertThat(shard.isTable()).isEqualTo(at >= dense);
      if (shard.isTable()) {
        assertThat(shard.firstRow()).isEqualTo(row);
        row += shard.rows();
      }
      at = shard.end();
    }
    assertThat(at).isEqualTo(plan.elements());
    assertThat(row).isEqualTo(rows);
    assertThat(plan.shards()).hasSizeLessThanOrEqualTo(ShardPlan.MAX_SHARDS + 1);
    int[] table = plan.shardsOf(0);
    for (int shard = 0; shard < plan.shards().size(); shard++) {
      assertThat(plan.shards().get(shard).isTable())
          .isEqualTo(shard >= table[0] && shard < table[1]);
    }
  }
}
