package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import dev.trireme.checkpoint.format.CheckpointNames;
import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import dev.trireme.checkpoint.format.Crc32c;
import dev.trireme.checkpoint.format.Manifest;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class SelectionTest {
  private static Selection.Candidate stored(long generation, long step) {
    Manifest manifest =
        new Manifest(
            generation,
            new Progress(step, Cursor.START),
            1,
            1,
            Instant.EPOCH,
            "",
            List.of(new Manifest.Shard("rank-00000.safetensors", 16, 16, new Crc32c(0))),
            List.of());
    return new Selection.Candidate(CheckpointNames.stepName(step), manifest);
  }

  private static List<String> names(Selection selection) {
    return selection.candidates().stream().map(Selection.Candidate::name).toList();
  }

  @Test
  void shouldTryTheNewestStepFirst() {
    Selection selection =
        Selection.of(
            List.of(stored(1, 100), stored(2, 300), stored(1, 200)),
            List.of(),
            List.of(),
            Lineage.UNKNOWN);

    assertThat(names(selection)).containsExactly("step-00000300", "step-00000200", "step-00000100");
    assertThat(selection.skipped()).isEmpty();
  }

  @Test
  void shouldLeaveOutWhatALaterGenerationDidAgain() {
    Selection selection =
        Selection.of(
            List.of(stored(1, 100), stored(1, 400), stored(2, 200), stored(3, 300)),
            List.of(),
            List.of(),
            Lineage.UNKNOWN);

    assertThat(names(selection)).containsExactly("step-00000300", "step-00000200", "step-00000100");
    assertThat(selection.skipped())
        .singleElement()
        .satisfies(
            skipped -> {
              assertThat(skipped.name()).isEqualTo("step-00000400");
              assertThat(skipped.reason()).contains("superseded").contains("generation 1");
            });
  }

  @Test
  void shouldLeaveOutWhatTheLineageLeftBehind() {
    Lineage lineage = new Lineage(List.of(new Lineage.Start(1, 1), new Lineage.Start(2, 251)));

    Selection selection =
        Selection.of(
            List.of(stored(1, 200), stored(1, 250), stored(1, 300)), List.of(), List.of(), lineage);

    assertThat(names(selection)).containsExactly("step-00000250", "step-00000200");
    assertThat(selection.skipped())
        .singleElement()
        .satisfies(
            skipped ->
                assertThat(skipped.reason())
                    .contains("superseded: generation 2 began with step 251"));
  }

  @Test
  void shouldSayWhyNothingElseIsTaken() {
    Selection selection =
        Selection.of(
            List.of(),
            List.of(new Selection.Skipped("step-00000100", "manifest.json is missing")),
            List.of(new WriteId(3, 200)),
            Lineage.UNKNOWN);

    assertThat(selection.candidates()).isEmpty();
    assertThat(selection.skipped())
        .extracting(Selection.Skipped::toString)
        .containsExactly(
            "step-00000100: manifest.json is missing",
            ".tmp-g3-step-00000200: it was never committed");
  }
}
