package dev.trireme.launcher.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LaunchHostTest {
  @Test
  void shouldReadHostsWithAndWithoutSlots() {
    assertThat(LaunchHost.parse("a:4, me@b.example:12,c"))
        .containsExactly(
            new LaunchHost("a", OptionalInt.of(4)),
            new LaunchHost("me@b.example", OptionalInt.of(12)),
            new LaunchHost("c", OptionalInt.empty()));
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      value = {
        "a:0 | with 1 to 9999 slots",
        "a: | with 1 to 9999 slots",
        "a,,b | expected a host as ssh takes it, found ''",
        "-oProxyCommand=x | expected a host as ssh takes it",
        "a:1,a:2 | found 'a' again",
        "a;id:1 | expected a host as ssh takes it",
      })
  void shouldRefuseWhatIsNoHost(String text, String message) {
    assertThatThrownBy(() -> LaunchHost.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }
}
