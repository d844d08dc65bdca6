package dev.trireme.launcher.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.engine.EngineException;
import org.junit.jupiter.api.Test;

class LeavingTest {
  private static final CollectiveException LOST =
      new CollectiveException(Cause.PEER_LOST, 2, "rank 2 is gone");
  private static final CheckpointException AWAY = new CheckpointException("the store is away");

  @Test
  void shouldStayWhereACollectiveFailedHoweverDeepTheProgramHasWrappedIt() throws Exception {
    assertThat(Leaving.of(LOST, 0, true, true)).isSameAs(LOST);
    RuntimeException wrapped = new IllegalStateException(new RuntimeException(LOST));
    assertThat(Leaving.of(wrapped, 0, true, false)).isSameAs(LOST);
  }

  @Test
  void shouldEndWhereTheRanksOwnProgramOrDeviceFailed() {
    RuntimeException bug = new IllegalStateException("a bug");
    assertThatThrownBy(() -> Leaving.of(bug, 0, true, true)).isSameAs(bug);
    EngineException memory = new EngineException("out of memory");
    assertThatThrownBy(() -> Leaving.of(memory, 0, true, true)).isSameAs(memory);
    CollectiveException own = new CollectiveException(Cause.OWN_FAULT, 0, "the device is gone");
    assertThatThrownBy(() -> Leaving.of(new RuntimeException(own), 0, false, true)).isSameAs(own);
    CollectiveException mismatch = new CollectiveException(Cause.MISMATCH, 1, "other counts");
    assertThatThrownBy(() -> Leaving.of(mismatch, 0, true, true)).isSameAs(mismatch);
  }

  @Test
  void shouldKeepTheStateOfWhoHoldsItWhileAFormationFormsOrACheckpointFails() throws Exception {
    for (Exception thrown : new Exception[] {AWAY, new IllegalStateException("no room")}) {
      CollectiveException left = Leaving.of(thrown, 1, false, true);
      assertThat(left).hasMessage("rank 1: " + thrown.getMessage()).hasCause(thrown);
      assertThat(left.suspectRank()).isEqualTo(-1);
    }
    assertThat(Leaving.of(AWAY, 1, true, true)).hasMessageContaining("the store is away");
  }

  @Test
  void shouldEndWhoHoldsNothing() {
    assertThatThrownBy(() -> Leaving.of(AWAY, 1, false, false)).isSameAs(AWAY);
    assertThatThrownBy(() -> Leaving.of(AWAY, 1, true, false)).isSameAs(AWAY);
  }
}
