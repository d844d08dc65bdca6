package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.LocalProcessGroup;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.TensorBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What NCCL's kernels do when one of them is aborted, and that nobody takes it for a result. */
@Timeout(60)
class NcclConfirmTest {
  @AfterEach
  void mend() {
    Standins.load();
  }

  private static TensorBuffer buffer(ProcessGroup group) {
    return group.allocate(NcclGroups.device(group), DType.FLOAT32, 1000);
  }

  @ParameterizedTest(name = "aborted, or else closed: {0}")
  @ValueSource(booleans = {true, false})
  void shouldNotConfirmWhatARankThatGaveUpHasLetEnd(boolean abort) {
    try (NcclGroups ranks = NcclGroups.create(2)) {
      Standins.faults("hang 0 0\nrubbish 0 0\n");
      Work stuck = ranks.group(0).allReduce(buffer(ranks.group(0)), ReduceOp.SUM);
      Work rubbish = ranks.group(1).allReduce(buffer(ranks.group(1)), ReduceOp.SUM);
      if (abort) {
        ranks.group(0).abort("enough");
      } else {
        ranks.group(0).close();
      }
      assertThatThrownBy(stuck::await).isInstanceOf(CollectiveException.class);
      assertThat(catchThrowable(rubbish::await)).as("NCCL knows nothing of it").isNull();
      assertThat(ranks.group(1).isProvisional()).isTrue();
      assertThatThrownBy(ranks.group(1)::confirm).isInstanceOf(CollectiveException.class);
      assertThatThrownBy(ranks.group(0)::confirm)
          .isInstanceOf(CollectiveException.class)
          .hasMessageContaining("cannot be used any more");
    }
  }

  @Test
  void shouldConfirmWhatHasEndedWellOnAllRanks() {
    try (NcclGroups ranks = NcclGroups.create(3)) {
      ranks.onEveryRank(
          group -> {
            group.allReduce(buffer(group), ReduceOp.SUM).await();
            group.confirm();
            return null;
          });
    }
    try (ProcessGroup alone = new LocalProcessGroup(1);
        InProcessGroups others = InProcessGroups.create(2)) {
      assertThat(alone.isProvisional()).isFalse();
      assertThat(others.group(0).isProvisional()).isFalse();
      // Nobody else calls it: it must not wait.
      alone.confirm();
      others.group(0).confirm();
    }
  }

  @Test
  void shouldBlameItselfWhereItsOwnDeviceHasNoRoom() {
    try (NcclGroups ranks = NcclGroups.create(1)) {
      ProcessGroup group = ranks.group(0);
      // Never touched: what it would travel through is refused.
      TensorBuffer huge = TensorBuffer.cpu(4096, DType.FLOAT32, 1L << 38);
      CollectiveException e =
          catchThrowableOfType(
              CollectiveException.class, () -> group.allReduce(huge, ReduceOp.SUM).await());
      assertThat(e.reason()).isEqualTo(Cause.OWN_FAULT);
      assertThat(e.suspectRank()).isZero();
      assertThat(e).hasMessageContainingAll("rank 0 (cuda:0) cannot go on", "out of memory");
      assertThat(catchThrowableOfType(CollectiveException.class, group::barrier))
          .as("what is started afterwards, before anybody has awaited the first")
          .isNotNull()
          .hasMessageContaining("out of memory")
          .extracting(CollectiveException::reason)
          .isEqualTo(Cause.OWN_FAULT);
    }
  }
}
