package dev.trireme.allreduce.transport;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.allreduce.plan.Lanes;
import dev.trireme.allreduce.plan.Pairwise;
import java.util.List;
import org.junit.jupiter.api.Test;

class NoWiresTest {
  /** A step is an object of some fifty bytes; a rank's heap is half a gigabyte. */
  @Test
  void shouldMakePlansOfBoundedSizeForRanksOfOneHost() {
    long segment = 4L * new NoWires().frameBytes() / Float.BYTES;
    Lanes.Setting setting = new Lanes.Setting(0, Hosts.one(16), peer -> true, segment);
    Lanes lanes = Pairwise.reduce(setting, 0, (1L << 30) / Float.BYTES);
    assertThat(lanes.all().stream().mapToLong(List::size).sum()).isBetween(1L, 1_000_000L);
  }
}
