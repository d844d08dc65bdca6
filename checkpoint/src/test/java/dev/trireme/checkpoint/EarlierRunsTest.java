package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.job.S3Spec;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.checkpoint.storage.FileSystemStorage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EarlierRunsTest {
  @TempDir Path directory;

  private void save(long generation, long step) {
    try (State state = State.random(step)) {
      Checkpoints.save(directory, 1, state, generation, step);
    }
  }

  private long highest() {
    return EarlierRuns.highestGeneration(directory.toString(), S3Spec.DEFAULT);
  }

  private void refuse(long generation, String... continued) {
    EarlierRuns.refuse(
        directory.toString(), S3Spec.DEFAULT, generation, Stream.of(continued).findFirst());
  }

  private long newest(Lineage lineage) {
    try (State read = State.zeros()) {
      CheckpointPlace place =
          new CheckpointPlace(
              directory.toString(), new FileSystemStorage(directory), Optional.empty());
      return new Restore(place, lineage, read.tensors(), DeviceMemory.HOST, name -> {})
          .run()
          .orElseThrow()
          .progress()
          .step();
    }
  }

  @Test
  void shouldTellTheHighestGenerationOfWhatIsCommittedOrWasBeingWritten() throws IOException {
    assertThat(EarlierRuns.highestGeneration(directory + "/nowhere", S3Spec.DEFAULT)).isZero();
    assertThat(highest()).isZero();
    save(3, 1000);
    assertThat(highest()).isEqualTo(3);
    Files.delete(directory.resolve("step-00001000/manifest.json"));
    assertThat(highest()).isZero();
    Files.createDirectory(directory.resolve(".tmp-g5-step-00000010"));
    assertThat(highest()).isEqualTo(5);
  }

  @Test
  void shouldLeaveTheNewestToTheRunThatContinuesAboveWhatItFound() {
    save(3, 1000);
    save(highest() + 1, 1100);
    save(4, 1200);

    assertThat(newest(new Lineage(List.of(new Lineage.Start(4, 1001))))).isEqualTo(1200);
    assertThat(newest(Lineage.UNKNOWN)).isEqualTo(1200);
  }

  @Test
  void shouldNotJumpAheadToAStateThatWasRolledBackFrom() {
    save(1, 500);
    save(1, 1000);
    long own = highest() + 1;

    assertThat(newest(new Lineage(List.of(new Lineage.Start(own, 501))))).isEqualTo(500);
  }

  @Test
  void shouldRefuseAPlaceWhoseGenerationsAreNotBelow() {
    save(3, 1000);

    assertThatCode(() -> refuse(4, directory.toString())).doesNotThrowAnyException();
    assertThatThrownBy(() -> refuse(3, directory + "/step-00001000"))
        .isInstanceOf(CheckpointException.class)
        .hasMessage(
            "checkpoint.path: '%s' holds checkpoints of generation 3 of another run, and this one"
                    .formatted(directory)
                + " begins with generation 3, so that those would be taken for the newer ones; name"
                + " another place");
  }

  @Test
  void shouldRefuseAUsedPlaceToARunThatContinuesNone() {
    assertThatCode(() -> refuse(1)).doesNotThrowAnyException();
    save(1, 1000);

    assertThatThrownBy(() -> refuse(9))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("'" + directory + "' is not empty")
        .hasMessageEndingWith("name a place that is not there yet");
  }

  /** Else it would fall back to the other run's, where it has no checkpoint of its own yet. */
  @Test
  void shouldRefuseAUsedPlaceToARunThatContinuesAnother(@TempDir Path other) {
    save(1, 400);

    assertThatThrownBy(() -> refuse(9, other + "/step-00000500"))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("'" + directory + "' is not empty");
    assertThatThrownBy(() -> refuse(9, "s3://bucket/a"))
        .hasMessageContaining("'" + directory + "' is not empty");
    assertThatThrownBy(() -> refuse(9, directory + "-more"))
        .hasMessageContaining("'" + directory + "' is not empty");
  }
}
