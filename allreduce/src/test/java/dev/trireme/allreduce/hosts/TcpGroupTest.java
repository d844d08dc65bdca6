package dev.trireme.allreduce.hosts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.Carrier;
import dev.trireme.allreduce.CollectiveChecks;
import dev.trireme.allreduce.CollectiveChecks.Check;
import dev.trireme.allreduce.CollectiveChecks.Collective;
import dev.trireme.allreduce.CollectiveChecks.Memory;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** With bytes between hosts over TCP, and signals in datagrams, some of which are lost. */
class TcpGroupTest extends HostGroupChecks {
  private static final int LARGE = 3_000_001;

  TcpGroupTest() {
    super(Carrier.TCP);
  }

  /** By the ring, which is taken for sizes like this one only. */
  @Test
  void shouldReduceWhatIsLarge() {
    for (String hosts : List.of("abc", "aabb")) {
      try (HostGroups ranks = new HostGroups(carrier, hosts, 0)) {
        ranks.form(1, Optional.empty(), HostGroups.TIMEOUT);
        Check check =
            new Check(Collective.ALL_REDUCE, DType.FLOAT32, LARGE, ReduceOp.SUM, 0, Memory.OWN);
        for (int round = 0; round < 3; round++) {
          List<Integer> bits = ranks.onEveryRank(group -> CollectiveChecks.run(group, check));
          assertThat(bits).containsOnly(bits.get(0));
        }
      }
    }
  }

  /** What was written in part only must not keep anybody. */
  @Test
  void shouldCloseInTheMidstOfAnOperation() {
    try (HostGroups ranks = new HostGroups(carrier, "ab", 0)) {
      ranks.form(1, Optional.empty(), HostGroups.TIMEOUT);
      try (NativeMemory.Block block = NativeMemory.allocate(8L * LARGE, 64)) {
        TensorBuffer mine = TensorBuffer.cpu(block.address(), DType.FLOAT32, LARGE);
        TensorBuffer theirs = TensorBuffer.cpu(block.address() + 4L * LARGE, DType.FLOAT32, LARGE);
        ranks.group(0).allReduce(mine, ReduceOp.SUM);
        Work left = ranks.group(1).allReduce(theirs, ReduceOp.SUM);
        ranks.group(0).close();
        CollectiveException e = catchThrowableOfType(CollectiveException.class, left::await);
        assertThat(e.reason()).isEqualTo(CollectiveException.Cause.PEER_LOST);
        assertThat(e.suspectRank()).isZero();
      }
    }
  }
}
