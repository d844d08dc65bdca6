package dev.trireme.allreduce.hosts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.Carrier;
import dev.trireme.allreduce.CollectiveChecks;
import dev.trireme.allreduce.CollectiveChecks.Check;
import dev.trireme.allreduce.CollectiveChecks.Collective;
import dev.trireme.allreduce.CollectiveChecks.Memory;
import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Samples with a fixed seed, twenty times as many with {@code -Dtrireme.matrix=full}. */
abstract class HostGroupChecks {
  private static final int TIMES = "full".equals(System.getProperty("trireme.matrix")) ? 20 : 1;
  private static final DType[] DTYPES = DType.values();

  /** Of bytes between hosts. */
  final Carrier carrier;

  HostGroupChecks(Carrier carrier) {
    this.carrier = carrier;
  }

  @ParameterizedTest(name = "hosts {0}, loss {1}")
  @CsvSource({
    "aaaa, 0, 8",
    "ab, 0, 20",
    "abc, 0, 12",
    "aabb, 0, 12",
    "abbbb, 0, 8",
    "aabbccdd, 0, 4",
    "ab, 0.01, 10",
    "aab, 0.05, 6"
  })
  void shouldDoLikeTheReferenceWithTheSameBitsOnAllRanks(String hosts, double loss, int checks) {
    Random random = new Random(hosts.hashCode());
    try (HostGroups ranks = new HostGroups(carrier, hosts, loss)) {
      List<Optional<AllReduceAlgorithm>> algorithms = new ArrayList<>(List.of(Optional.empty()));
      boolean oneHost = hosts.chars().distinct().count() == 1;
      Stream.of(AllReduceAlgorithm.values())
          .filter(a -> oneHost || a == AllReduceAlgorithm.RING || a == AllReduceAlgorithm.TREE)
          .forEach(a -> algorithms.add(Optional.of(a)));
      for (int formation = 0; formation < algorithms.size(); formation++) {
        ranks.form(formation, algorithms.get(formation), HostGroups.TIMEOUT);
        for (int i = 0; i < checks * TIMES; i++) {
          Check check = check(random, hosts.length());
          List<Integer> bits = ranks.onEveryRank(group -> CollectiveChecks.run(group, check));
          assertThat(bits).as("%s", check).containsOnly(bits.get(0));
        }
      }
    }
  }

  @Test
  void shouldAddInTheTreesOrderHoweverRanksAreSpread() {
    float[] parts = {1e8f, 1f, -1e8f, 3f};
    // Not what one gets by adding one after the other, 3.
    float expected = (parts[0] + parts[1]) + (parts[2] + parts[3]);
    for (String hosts : List.of("aabb", "abab", "abbb")) {
      try (HostGroups ranks = new HostGroups(carrier, hosts, 0)) {
        ranks.form(1, Optional.of(AllReduceAlgorithm.TREE), HostGroups.TIMEOUT);
        List<Float> sums =
            ranks.onEveryRank(
                group -> {
                  try (NativeMemory.Block block = NativeMemory.allocate(4 * 30_000, 64)) {
                    FloatBuffer floats =
                        NativeMemory.view(block.address(), 4 * 30_000)
                            .order(ByteOrder.nativeOrder())
                            .asFloatBuffer();
                    for (int i = 0; i < 30_000; i++) {
                      floats.put(i, parts[group.rank()]);
                    }
                    group
                        .allReduce(
                            TensorBuffer.cpu(block.address(), DType.FLOAT32, 30_000), ReduceOp.SUM)
                        .await();
                    return floats.get(29_999);
                  }
                });
        assertThat(sums).as(hosts).containsOnly(expected);
      }
    }
  }

  private static Check check(Random random, int worldSize) {
    long[] counts = {0, 1, 3, worldSize - 1, 64L * worldSize, 8_191, 100_003};
    Collective[] collectives = Collective.values();
    return new Check(
        collectives[random.nextInt(collectives.length)],
        DTYPES[random.nextInt(DTYPES.length)],
        counts[random.nextInt(counts.length)],
        ReduceOp.values()[random.nextInt(ReduceOp.values().length)],
        random.nextInt(worldSize),
        Memory.values()[random.nextInt(Memory.values().length)]);
  }

  @Test
  void shouldFormAgainAndAgainRightAfterAnAbort() {
    try (HostGroups ranks = new HostGroups(carrier, "ab", 0)) {
      for (long formation = 1; formation <= 6; formation++) {
        long generation = formation;
        ranks.form(formation, Optional.empty(), HostGroups.TIMEOUT);
        List<String> ends =
            ranks.onEveryRank(
                group -> {
                  Check check =
                      new Check(
                          Collective.ALL_REDUCE, DType.INT64, 10_007, ReduceOp.SUM, 0, Memory.OWN);
                  if (group.rank() == 0) {
                    CollectiveChecks.run(group, check);
                    group.abort("a test");
                  }
                  return catchThrowableOfType(
                          CollectiveException.class,
                          () -> {
                            while (true) {
                              CollectiveChecks.run(group, check);
                            }
                          })
                      .getMessage();
                });
        assertThat(ends).allSatisfy(e -> assertThat(e).contains("generation " + generation));
      }
    }
  }

  @Test
  void shouldNameTheRankThatIsNotHeardOfWhenItsNetworkIsCut() {
    try (HostGroups ranks = new HostGroups(carrier, "aab", 0)) {
      ranks.form(1, Optional.empty(), Duration.ofSeconds(2));
      ranks.onEveryRank(
          group -> {
            group.barrier().await();
            return null;
          });
      ranks.cut('b');
      CollectiveException e =
          catchThrowableOfType(CollectiveException.class, () -> ranks.group(0).barrier().await());
      assertThat(e.suspectRank()).isEqualTo(2);
      assertThat(e).hasMessageContaining("rank 2").hasMessageContaining("barrier");
    }
  }

  @Test
  void shouldGetWhatAPeerSentBeforeItLeft() {
    try (HostGroups ranks = new HostGroups(carrier, "ab", 0)) {
      for (long formation = 1; formation <= 3; formation++) {
        ranks.form(formation, Optional.empty(), HostGroups.TIMEOUT);
        Check check =
            new Check(Collective.BROADCAST, DType.INT32, 400_000, ReduceOp.SUM, 0, Memory.OWN);
        ranks.onEveryRank(
            group -> {
              CollectiveChecks.run(group, check);
              group.close();
              return null;
            });
      }
    }
  }

  @Test
  void shouldTellPeersOfOtherHostsWhenARankCloses() {
    try (HostGroups ranks = new HostGroups(carrier, "ab", 0)) {
      ranks.form(1, Optional.empty(), HostGroups.TIMEOUT);
      ranks.group(0).close();
      CollectiveException e =
          catchThrowableOfType(CollectiveException.class, () -> ranks.group(1).barrier().await());
      assertThat(e.reason()).isEqualTo(CollectiveException.Cause.PEER_LOST);
      assertThat(e).hasMessageContaining("has left the group");
    }
  }

  @Test
  void shouldChooseAPortOfItsOwnForEveryRank() {
    try (HostGroups ranks = new HostGroups(carrier, "ab", 0)) {
      List<String> addresses = new ArrayList<>();
      for (int rank = 0; rank < 2; rank++) {
        for (int formation = 0; formation < 2; formation++) {
          try (AeronProcessGroup.Opening opening =
              AeronProcessGroup.open(ranks.config(rank, formation, HostGroups.TIMEOUT))) {
            Endpoint endpoint = opening.endpoint();
            assertThat(endpoint.address()).startsWith("127.0.0.1:").doesNotEndWith(":0");
            assertThat(Endpoint.parse(endpoint.text())).isEqualTo(endpoint);
            addresses.add(endpoint.address());
          }
        }
      }
      assertThat(addresses).hasSize(4);
    }
  }

  @Test
  void shouldRefuseEndpointsThatLackThisRank() {
    try (HostGroups ranks = new HostGroups(carrier, "ab", 0)) {
      AeronProcessGroup.Opening opening =
          AeronProcessGroup.open(ranks.config(0, 1, HostGroups.TIMEOUT));
      Endpoint other = new Endpoint("host-b", "127.0.0.1:9", 1408, 9);
      assertThatThrownBy(() -> opening.join(List.of(other, other), Optional.empty()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("that of rank 0 as it was given out");
      assertThatThrownBy(() -> Endpoint.parse("a|b"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("host|address:port|mtu|tcpPort");
    }
  }
}
