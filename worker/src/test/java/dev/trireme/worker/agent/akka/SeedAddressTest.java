package dev.trireme.worker.agent.akka;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SeedAddressTest {
  @ParameterizedTest
  @ValueSource(strings = {"", "host", "host:", ":80", "host:eighty", "host:0", "host:65536"})
  void shouldRefuseWhatIsNoAddress(String seed) {
    assertThatThrownBy(() -> new AkkaCoordinatorLink("127.0.0.1", List.of(seed)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'" + seed + "'")
        .hasMessageContaining("expected host:port");
  }

  @Test
  void shouldRefuseNoAddressAtAll() {
    assertThatThrownBy(() -> new AkkaCoordinatorLink("127.0.0.1", List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at least one");
  }
}
