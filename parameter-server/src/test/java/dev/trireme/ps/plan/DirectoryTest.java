package dev.trireme.ps.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.ps.plan.Directory.Holding;
import dev.trireme.ps.plan.Directory.Place;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class DirectoryTest {
  private static List<Integer> servers(int count) {
    return IntStream.range(0, count).boxed().toList();
  }

  private static List<Holding> holdings(Directory directory, long progress) {
    List<Holding> all = new ArrayList<>();
    for (int shard = 0; shard < directory.places().size(); shard++) {
      Place place = directory.places().get(shard);
      all.add(new Holding(place.primary(), shard, progress, true));
      int index = shard;
      place.backup().ifPresent(b -> all.add(new Holding(b, index, progress, false)));
    }
    return all;
  }

  @Property(tries = 200)
  void shouldBalanceAFreshPlacement(
      @ForAll @IntRange(min = 1, max = 64) int shards,
      @ForAll @IntRange(min = 2, max = 8) int count) {
    Directory directory = Directory.decide(1, shards, servers(count), 1, List.of());
    int fair = (shards + count - 1) / count;
    for (int server : servers(count)) {
      assertThat(directory.primariesOf(server)).hasSizeLessThanOrEqualTo(fair);
    }
    directory.places().forEach(p -> assertThat(p.backup()).isPresent());
  }

  @Property(tries = 200)
  void shouldPromoteTheBackupsOfALostServer(
      @ForAll @IntRange(min = 1, max = 40) int shards,
      @ForAll @IntRange(min = 2, max = 6) int count,
      @ForAll @IntRange(min = 0, max = 5) int which) {
    int lost = which % count;
    Directory before = Directory.decide(1, shards, servers(count), 1, List.of());
    List<Holding> left = holdings(before, 7).stream().filter(h -> h.server() != lost).toList();
    assertThat(Directory.isWhole(shards, left)).isTrue();

    Directory after = Directory.decide(2, shards, servers(count), 1, left);

    for (int shard = 0; shard < shards; shard++) {
      int index = shard;
      assertThat(left)
          .filteredOn(h -> h.shard() == index)
          .extracting(Holding::server)
          .contains(after.places().get(shard).primary());
      assertThat(after.places().get(shard).backup()).isPresent();
    }
  }

  @Test
  void shouldKeepWhatIsThereWhenNothingHappened() {
    Directory before = Directory.decide(1, 24, servers(3), 1, List.of());
    Directory after = Directory.decide(2, 24, servers(3), 1, holdings(before, 3));
    assertThat(after.places()).isEqualTo(before.places());
  }

  @Test
  void shouldTakeTheCopyThatHoldsMore() {
    List<Holding> copies = List.of(new Holding(0, 0, 10, true), new Holding(1, 0, 11, false));
    Directory directory = Directory.decide(3, 1, servers(2), 1, copies);
    assertThat(directory.places().get(0).primary()).isEqualTo(1);
    assertThat(directory.places().get(0).backup()).hasValue(0);
  }

  @Test
  void shouldSeeThatAShardHasNoCopy() {
    assertThat(Directory.isWhole(2, List.of(new Holding(0, 0, 1, true)))).isFalse();
  }

  @Test
  void shouldDoWithoutBackupsOnASingleServer() {
    Directory directory = Directory.decide(1, 4, servers(1), 1, List.of());
    directory.places().forEach(p -> assertThat(p.backup()).isEmpty());
  }

  @Test
  void shouldMoveOnlyWhatANewServerTakes() {
    Directory four = Directory.decide(1, 256, servers(4), 0, List.of());
    Directory five = Directory.decide(2, 256, servers(5), 0, List.of());
    long moved =
        IntStream.range(0, 256)
            .filter(s -> four.places().get(s).primary() != five.places().get(s).primary())
            .count();
    // Modulo hashing would move four fifths of them.
    assertThat(moved).isLessThan(256 / 2);
  }
}
