package dev.trireme.ps;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BatchesTest {
  /** As the data goes: batch after batch to the end of the epoch, whose last may be short. */
  @ParameterizedTest
  @CsvSource({
    "1000, 100, 0, 0, 0",
    "1000, 128, 0, 0, 0",
    "10000, 128, 100, 0, 6400",
    "1000, 128, 100, 3, 650",
    "1000, 100, 7, 2, 1000",
    "1000, 4000, 9, 1, 300"
  })
  void shouldFollowTheDataFromWhereTheServersBegan(
      long items, int size, long step, int epoch, long position) {
    Batches batches = new Batches(items, size, new Progress(step, new Cursor(epoch, position)));
    Cursor at = position == items ? new Cursor(epoch + 1, 0) : new Cursor(epoch, position);
    for (long next = step + 1; next < step + 300; next++) {
      assertThat(batches.after(next - 1)).isEqualTo(at);
      assertThat(batches.stepAt(at)).isEqualTo(next);
      long end = Math.min(items, at.position() + size);
      assertThat(batches.itemsOf(next)).isEqualTo(end - at.position());
      at = end == items ? new Cursor(at.epoch() + 1, 0) : new Cursor(at.epoch(), end);
    }
  }
}
