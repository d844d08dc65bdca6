package dev.trireme.worker.rank;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.StepRecord;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.SampleRange;
import java.util.List;
import org.junit.jupiter.api.Test;

class SampleHistoryTest {
  private final SampleHistory history = new SampleHistory();

  private static StepRecord step(long generation, long step, int epoch, long position, int size) {
    return new StepRecord(generation, step, new Cursor(epoch, position), size, 1, 0.1, 0);
  }

  @Test
  void shouldSayAnEpochInOneRangeAndOnlyWhatIsNew() {
    history.add(step(1, 1, 0, 0, 4));
    history.add(step(1, 2, 0, 4, 4));
    history.add(step(1, 2, 0, 4, 4));
    history.add(step(1, 3, 0, 8, 2));
    history.add(step(1, 4, 1, 0, 4));
    SampleRange second = new SampleRange(1, 4, 4, new Cursor(1, 0), 4, 4);
    assertThat(history.after(0, 0))
        .containsExactly(new SampleRange(1, 1, 3, new Cursor(0, 0), 4, 10), second);
    assertThat(history.after(1, 2))
        .containsExactly(new SampleRange(1, 3, 3, new Cursor(0, 8), 4, 2), second);
    assertThat(history.after(1, 4)).isEmpty();
  }

  @Test
  void shouldTellAStepThatIsDoneAgainInALaterGeneration() {
    history.add(step(1, 1, 0, 0, 4));
    history.add(step(1, 2, 0, 4, 4));
    history.add(step(2, 2, 0, 4, 4));
    assertThat(history.after(1, 2))
        .containsExactly(new SampleRange(2, 2, 2, new Cursor(0, 4), 4, 4));
  }

  @Test
  void shouldForgetTheOldestBeyondItsBound() {
    for (int i = 0; i < SampleHistory.MOST + 5; i++) {
      history.add(step(1, i + 1, i, 0, 4));
    }
    List<SampleRange> all = history.after(0, 0);
    assertThat(all).hasSize(SampleHistory.MOST);
    assertThat(all.get(0).firstStep()).isEqualTo(6);
  }

  @Test
  void shouldSayEachStepOnceWithReportsAndAheadOfACheckpoint() {
    CommitLog log = new CommitLog(100, 0);
    log.applied(step(1, 1, 0, 0, 4));
    assertThat(ranges(log.saving())).containsExactly(new SampleRange(1, 1, 1, at(0), 4, 4));
    assertThat(ranges(log.reduced(2, 0))).isEmpty();
    log.applied(step(1, 2, 0, 4, 4));
    assertThat(ranges(log.reduced(3, 0))).as("no second has passed").isEmpty();
    log.applied(step(1, 3, 0, 8, 4));
    assertThat(ranges(log.closed(0))).containsExactly(new SampleRange(1, 2, 3, at(4), 4, 8));
    assertThat(log.saving()).isEmpty();
  }

  private static Cursor at(long position) {
    return new Cursor(0, position);
  }

  private static List<SampleRange> ranges(List<RankReport> reports) {
    return reports.stream()
        .filter(RankReport.Samples.class::isInstance)
        .flatMap(r -> ((RankReport.Samples) r).ranges().stream())
        .toList();
  }
}
