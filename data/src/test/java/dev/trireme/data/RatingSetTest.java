package dev.trireme.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.BatchStream;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.data.DataException;
import dev.trireme.api.data.DataSource;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.job.DataSpec;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.job.DatasetSpec.Ratings.Part;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RatingSetTest {
  private static final int USERS = 9;
  private static final int MOVIES = 40;

  @TempDir Path directory;

  private DataSpec spec(String text) throws IOException {
    Files.writeString(directory.resolve("ratings.csv"), text);
    return new DataSpec(
        new DatasetSpec.Ratings("ratings.csv", Part.TRAIN, 20, 3),
        Optional.of(new DatasetSpec.Ratings("ratings.csv", Part.VALIDATION, 20, 3)),
        directory.toString(),
        16,
        16,
        1,
        Optional.empty());
  }

  /** Every user rates every movie; ids have gaps. */
  private static String everybody() {
    StringBuilder text = new StringBuilder("userId,movieId,rating,timestamp\n");
    for (int user = USERS; user > 0; user--) {
      for (int movie = 1; movie <= MOVIES; movie++) {
        text.append(3 * user).append(',').append(100 * movie).append(',');
        text.append((user + movie) % 10 / 2.0).append(",96\n");
      }
    }
    return text.toString();
  }

  @Test
  void shouldSplitTheRatingsAndNumberUsersAndMovies() throws IOException {
    DataSpec spec = spec(everybody());
    Set<String> seen = new HashSet<>();
    try (DataSource data = Datasets.open(spec, 1)) {
      DatasetInfo training = data.training();
      DatasetInfo held = data.evaluation().orElseThrow();
      assertThat(training.items() + held.items()).isEqualTo(USERS * MOVIES);
      assertThat(held.items()).isBetween(40L, 110L);
      assertThat(training.indices()).isEqualTo(USERS + MOVIES);
      assertThat(training.itemShape()).isEqualTo(Shape.of(2));
      assertThat(training.featureType()).isEqualTo(DType.INT64);
      try (BatchStream batches = data.train(Cursor.START, 0, 1)) {
        for (Batch batch = batches.next(); batch.from().epoch() == 0; batch = batches.next()) {
          look(batch, seen);
        }
      }
      assertThat(seen).hasSize((int) training.items());
      try (BatchStream batches = data.evaluate(0, 1)) {
        while (batches.hasNext()) {
          look(batches.next(), seen);
        }
      }
    }
    assertThat(seen).hasSize(USERS * MOVIES);
  }

  private static void look(Batch batch, Set<String> seen) {
    assertThat(batch.labelShape()).isEqualTo(Shape.of(batch.size(), 1));
    ByteBuffer features = NativeMemory.view(batch.features().address(), 16 * batch.size());
    ByteBuffer labels = NativeMemory.view(batch.labels().address(), 4 * batch.size());
    for (int i = 0; i < batch.size(); i++) {
      long user = features.getLong(16 * i);
      long movie = features.getLong(16 * i + 8) - USERS;
      assertThat(user).isBetween(0L, USERS - 1L);
      assertThat(movie).isBetween(0L, MOVIES - 1L);
      assertThat(labels.getFloat(4 * i)).isEqualTo((user + movie + 2) % 10 / 2f);
      assertThat(seen.add(user + "," + movie)).as("each rating once").isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"1,2", "a,2,3", "1,b,3", "1,2,c", "1,2,", "", "1,2,NaN", "1.5,2,3"})
  void shouldRefuseALineThatIsNoRating(String line) throws IOException {
    DataSpec spec = spec("userId,movieId,rating\n1,2,3\n" + line + "\n");
    assertThatThrownBy(() -> Datasets.inspect(spec))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("data.train.file: line 3 of ratings.csv")
        .hasMessageContaining("'" + line + "'");
  }

  /** More than are read at once between two looks at the room that is left. */
  @Test
  void shouldRefuseMoreRatingsThanTheHeapCanHoldAndSayWhichCould() throws IOException {
    StringBuilder text = new StringBuilder("userId,movieId,rating\n");
    for (int line = 0; line < 200_000; line++) {
      text.append(line % 1000).append(',').append(line % 7).append(",1\n");
    }
    DataSpec spec = spec(text.toString());
    DatasetSpec.Ratings part = (DatasetSpec.Ratings) spec.train();
    assertThat(RatingSet.check("data.train", part, directory, 8 << 20).info().items())
        .isBetween(150_000L, 170_000L);
    assertThatThrownBy(() -> RatingSet.check("data.train", part, directory, 2 << 20))
        .isInstanceOf(DataException.class)
        .hasMessage(
            "data.train.file: expected ratings that fit into this process's heap of 2 MiB, found"
                + " 200,000 in ratings.csv, which take 3 MiB beside other things; give it a larger"
                + " heap, as -Xmx256m, in TRIREME_RANK_JAVA_OPTS for ranks and in TRIREME_JAVA_OPTS"
                + " for a command");
  }

  @Test
  void shouldNumberIdsInTheirOrder() {
    DistinctIds ids = new DistinctIds();
    int count = 20_011; // several times what is collected before ids are sorted
    for (int i = 0; i < 3 * count; i++) {
      int id = (int) (i * 7919L % count) - 5000;
      ids.add(id);
      ids.add(id);
    }
    ids.complete();
    assertThat(ids.size()).isEqualTo(count);
    for (int number = 0; number < count; number++) {
      assertThat(ids.numberOf(number - 5000)).isEqualTo(number);
    }
  }

  @Test
  void shouldSayWhatIsMissing() throws IOException {
    DataSpec empty = spec("");
    assertThatThrownBy(() -> Datasets.inspect(empty)).hasMessageContaining("an empty file");
    DataSpec header = spec("userId,movieId,rating\n");
    assertThatThrownBy(() -> Datasets.inspect(header)).hasMessageContaining("heldOut");
    Files.delete(directory.resolve("ratings.csv"));
    assertThatThrownBy(() -> Datasets.inspect(header)).hasMessageContaining("nothing there");
  }
}
