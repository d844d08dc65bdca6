package dev.trireme.coordinator.akka;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.coordinator.akka.Founding.Step;
import dev.trireme.coordinator.akka.Founding.Step.Ask;
import dev.trireme.coordinator.akka.Founding.Step.Found;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class FoundingTest {
  private static final List<String> ALL = List.of("a:1", "b:1", "c:1");
  private static final Duration LONG = Duration.ofHours(1);

  @Test
  void shouldFoundAtOnceAsTheFirstUnlessOthersAreInACluster() {
    assertThat(decide("a:1", List.of(), Duration.ZERO)).isEqualTo(new Found(List.of()));
    assertThat(decide("a:1", List.of("b:1", "c:1"), LONG))
        .isEqualTo(new Found(List.of("b:1", "c:1")));
  }

  @Test
  void shouldNotFoundWhileOneBeforeItListensHoweverSlowItIs() {
    Duration minute = Duration.ofMinutes(1);
    assertThat(decide("b:1", List.of("a:1"), minute)).isEqualTo(new Ask(List.of("a:1")));
    assertThat(decide("c:1", List.of("b:1"), minute)).isEqualTo(new Ask(List.of("b:1")));
    assertThat(decide("b:1", List.of("a:1"), LONG)).as("hung").isInstanceOf(Found.class);
  }

  @Test
  void shouldStandInForThoseBeforeItThatDoNotComeInTime() {
    assertThat(decide("b:1", List.of("c:1"), Duration.ofSeconds(1)))
        .isEqualTo(new Ask(List.of("c:1")));
    assertThat(decide("b:1", List.of("c:1"), LONG)).isEqualTo(new Found(List.of("c:1")));
    assertThat(decide("c:1", List.of(), Duration.ofSeconds(15))).isEqualTo(new Ask(List.of()));
    assertThat(decide("c:1", List.of(), LONG)).isEqualTo(new Found(List.of()));
  }

  private static Step decide(String self, List<String> listening, Duration waited) {
    return Founding.decide(ALL, self, listening, waited);
  }
}
