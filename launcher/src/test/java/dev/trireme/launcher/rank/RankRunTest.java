package dev.trireme.launcher.rank;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.data.DataException;
import dev.trireme.protocol.StateSource;
import org.junit.jupiter.api.Test;

class RankRunTest {
  private static final CheckpointException UNREAD = new CheckpointException("no answer");

  @Test
  void shouldBlameTheSpecForACheckpointOnlyInAJobThatNeverRan() {
    assertThat(RankRun.isOfTheSpec(UNREAD, StateSource.JOB)).isTrue();
    assertThat(RankRun.isOfTheSpec(UNREAD, StateSource.CHECKPOINT)).isFalse();
    assertThat(RankRun.isOfTheSpec(UNREAD, StateSource.rank(1))).isFalse();
    assertThat(RankRun.isOfTheSpec(new DataException("no file"), StateSource.JOB)).isTrue();
  }
}
