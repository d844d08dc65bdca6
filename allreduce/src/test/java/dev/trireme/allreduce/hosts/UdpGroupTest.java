package dev.trireme.allreduce.hosts;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.allreduce.Carrier;
import dev.trireme.allreduce.CollectiveChecks;
import dev.trireme.allreduce.CollectiveChecks.Check;
import dev.trireme.allreduce.CollectiveChecks.Collective;
import dev.trireme.allreduce.CollectiveChecks.Memory;
import dev.trireme.allreduce.transport.Losses;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** With all bytes between hosts in Aeron's datagrams. */
@Tag("long")
class UdpGroupTest extends HostGroupChecks {
  UdpGroupTest() {
    super(Carrier.UDP);
  }

  /** What is sent is not copied before it is sent; what is lost is sent again. */
  @Test
  void shouldSendAgainWhatItSentThoughTheBufferHasChangedSince() {
    int count = 250_000;
    try (HostGroups ranks = new HostGroups(carrier, "abc", 0.03)) {
      ranks.form(1, Optional.empty(), HostGroups.TIMEOUT);
      List<Integer> wrong =
          ranks.onEveryRank(
              group -> {
                try (NativeMemory.Block block = NativeMemory.allocate(4L * count, 64)) {
                  TensorBuffer buffer = TensorBuffer.cpu(block.address(), DType.INT32, count);
                  IntBuffer ints =
                      NativeMemory.view(block.address(), 4 * count)
                          .order(ByteOrder.nativeOrder())
                          .asIntBuffer();
                  int errors = 0;
                  for (int round = 0; round < 25; round++) {
                    for (int i = 0; i < count; i++) {
                      ints.put(i, i + round * (group.rank() + 1));
                    }
                    group.allReduce(buffer, ReduceOp.SUM).await();
                    for (int i = 0; i < count; i++) {
                      errors += ints.get(i) == 3 * i + 6 * round ? 0 : 1;
                    }
                  }
                  return errors;
                }
              });
      assertThat(wrong).containsOnly(0);
    }
  }

  /**
   * A rank that has written all of an operation is done with it while its peers still lack what was
   * lost of that, and nobody there awaits anything. Every second frame is lost the first time, so
   * that each is asked for, and sent again, by itself.
   */
  @Test
  void shouldSendAgainWhatWasLostThoughItIsDoneItself() {
    try (HostGroups ranks =
        new HostGroups(
            carrier, "ab", 0, rank -> new Losses(new EverySecondFrame(), Losses.NONE.received()))) {
      ranks.form(1, Optional.empty(), HostGroups.TIMEOUT);
      for (int round = 0; round < 3; round++) {
        Check check =
            new Check(Collective.BROADCAST, DType.INT32, 400_003, ReduceOp.SUM, 0, Memory.OWN);
        List<Integer> bits = ranks.onEveryRank(group -> CollectiveChecks.run(group, check));
        assertThat(bits).containsOnly(bits.get(0));
      }
    }
  }
}
