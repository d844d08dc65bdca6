package dev.trireme.launcher.rank;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.Stored.GenerationRecord;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class CheckpointSettingsTest {
  private static GenerationRecord generation(long number, long firstStep, long savedStep) {
    return new GenerationRecord(
        number,
        2,
        Optional.of(firstStep),
        savedStep == 0 ? Optional.empty() : Optional.of(savedStep));
  }

  @Test
  void shouldKnowTheNewestStepThatIsSavedAndWasNotDoneAgain() {
    assertThat(CheckpointSettings.savedStep(List.of())).isEmpty();
    assertThat(CheckpointSettings.savedStep(List.of(generation(1, 1, 0)))).isEmpty();
    assertThat(CheckpointSettings.savedStep(List.of(generation(1, 1, 20), generation(2, 25, 0))))
        .contains(20L);
    assertThat(CheckpointSettings.savedStep(List.of(generation(1, 1, 20), generation(2, 21, 40))))
        .contains(40L);
    assertThat(CheckpointSettings.savedStep(List.of(generation(1, 1, 20), generation(2, 11, 0))))
        .as("generation 2 has gone back behind it, with the state of a rank")
        .isEmpty();
    assertThat(CheckpointSettings.savedStep(List.of(generation(1, 1, 20), generation(2, 11, 10))))
        .as("and here with a checkpoint")
        .contains(10L);
  }
}
