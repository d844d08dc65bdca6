package dev.trireme.launcher.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.engine.EngineException;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class LeavingTest {
  private static final CollectiveException LOST =
      new CollectiveException(Cause.PEER_LOST, 2, "rank 2 is gone");
  private static final Leaving.Standing TRAINING = new Leaving.Standing(true, true, false);
  private static final Leaving.Standing FORMING = new Leaving.Standing(false, true, false);
  private static final Leaving.Standing AGAIN = new Leaving.Standing(false, true, true);
  private static final Leaving.Standing EMPTY = new Leaving.Standing(false, false, false);
  private static final CheckpointException AWAY = new CheckpointException("the store is away");

  @Test
  void shouldStayWhereACollectiveFailedHoweverDeepTheProgramHasWrappedIt() throws Exception {
    assertThat(Leaving.of(LOST, 0, TRAINING)).isSameAs(LOST);
    RuntimeException wrapped = new IllegalStateException(new RuntimeException(LOST));
    assertThat(Leaving.of(wrapped, 0, EMPTY)).isSameAs(LOST);
  }

  @Test
  void shouldEndWhereTheRanksOwnProgramOrDeviceFailed() {
    RuntimeException bug = new IllegalStateException("a bug");
    assertThatThrownBy(() -> Leaving.of(bug, 0, TRAINING)).isSameAs(bug);
    EngineException memory = new EngineException("out of memory");
    assertThatThrownBy(() -> Leaving.of(memory, 0, TRAINING)).isSameAs(memory);
    CollectiveException own = new CollectiveException(Cause.OWN_FAULT, 0, "the device is gone");
    assertThatThrownBy(() -> Leaving.of(new RuntimeException(own), 0, FORMING)).isSameAs(own);
    CollectiveException mismatch = new CollectiveException(Cause.MISMATCH, 1, "other counts");
    assertThatThrownBy(() -> Leaving.of(mismatch, 0, TRAINING)).isSameAs(mismatch);
  }

  @Test
  void shouldKeepTheStateOfWhoHoldsItWhileAFormationFormsOrACheckpointFails() throws Exception {
    for (Exception thrown : new Exception[] {AWAY, new IllegalStateException("no room")}) {
      CollectiveException left = Leaving.of(thrown, 1, FORMING);
      assertThat(left).hasMessage("rank 1: " + thrown.getMessage()).hasCause(thrown);
      assertThat(left.suspectRank()).isEqualTo(1);
    }
    assertThat(Leaving.of(AWAY, 1, TRAINING)).hasMessageContaining("the store is away");
  }

  @Test
  void shouldEndWhoHoldsNothing() {
    assertThatThrownBy(() -> Leaving.of(AWAY, 1, EMPTY)).isSameAs(AWAY);
    Leaving.Standing updating = new Leaving.Standing(true, false, false);
    assertThatThrownBy(() -> Leaving.of(AWAY, 1, updating)).isSameAs(AWAY);
  }

  @Test
  void shouldMakeRoomForAnotherProcessTheSecondTimeUnlessItIsACheckpoint() throws Exception {
    IllegalStateException room = new IllegalStateException("no room");
    assertThatThrownBy(() -> Leaving.of(room, 1, AGAIN)).isSameAs(room);
    assertThat(Leaving.of(AWAY, 1, AGAIN)).hasCause(AWAY);
  }

  /**
   * As a group's allocation does: what failed came as the collective's exception, and is within.
   */
  private static RuntimeException noRoom(int suspect) {
    String room = "no room in /dev/shm";
    return new IllegalStateException(
        room, new CollectiveException(Cause.UNUSABLE, suspect, "rank " + suspect + ": " + room));
  }

  @Test
  void shouldMakeRoomForAnotherProcessTheSecondTimeACollectiveCannotBeginHere() throws Exception {
    assertThat(Leaving.of(noRoom(1), 1, FORMING)).hasMessage("rank 1: no room in /dev/shm");
    RuntimeException thrown = noRoom(1);
    assertThatThrownBy(() -> Leaving.of(thrown, 1, AGAIN)).isSameAs(thrown.getCause());
    assertThatThrownBy(() -> Leaving.of(noRoom(1), 1, EMPTY))
        .as("there is no state to keep")
        .isInstanceOf(CollectiveException.class);
  }

  @Test
  void shouldStayWhereACollectiveCannotBeginElsewhereOrPeersAccuseThisRank() throws Exception {
    assertThat(Leaving.of(noRoom(2), 1, AGAIN).suspectRank()).isEqualTo(2);
    CollectiveException late = new CollectiveException(Cause.DEADLINE, 1, "waited for rank 1");
    assertThat(Leaving.of(late, 1, AGAIN)).isSameAs(late);
    assertThat(Leaving.of(late, 1, EMPTY)).isSameAs(late);
    assertThat(Leaving.of(noRoom(1), 1, new Leaving.Standing(true, true, true)))
        .as("it trains, and all may lack the same")
        .hasMessageContaining("no room");
  }

  @Test
  void shouldCountOnlyFormationsInARow() throws Exception {
    Leaving leaving = new Leaving();
    IllegalStateException room = new IllegalStateException("no room");
    Leaving.Part forms =
        () -> {
          throw room;
        };
    Function<Boolean, Leaving.Standing> standing =
        again -> new Leaving.Standing(false, true, again);
    assertThat(leaving.from(forms, 1, standing)).isPresent();
    assertThat(leaving.from(() -> {}, 1, standing)).as("trained until the job grew").isEmpty();
    assertThat(leaving.from(forms, 1, standing)).as("the state would be lost").isPresent();
    Leaving.Part accused =
        () -> {
          throw new CollectiveException(Cause.DEADLINE, 1, "waited for rank 1");
        };
    assertThat(leaving.from(accused, 1, standing)).as("by its peers").isPresent();
    assertThat(leaving.from(forms, 1, standing)).isPresent();
    assertThatThrownBy(() -> leaving.from(forms, 1, standing)).isSameAs(room);
  }
}
