package dev.trireme.worker.channel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class BootstrapTest {
  private static final String GOOD_LINE = "0123456789abcdef\n";
  private static final String GOOD = "--slot 3 --aeron-dir /shm --to-agent 7 --to-rank 8";

  @ParameterizedTest
  @ValueSource(longs = {0, 1, -1, Long.MIN_VALUE, 0x0123_4567_89ab_cdefL})
  void shouldReadWhatItWrites(long secret) throws IOException {
    Bootstrap bootstrap = new Bootstrap(3, new ChannelAddress("/shm/a b", 1000, 1001), secret);
    ByteArrayInputStream input = new ByteArrayInputStream(bootstrap.secretLine());
    assertThat(Bootstrap.read(bootstrap.arguments().toArray(String[]::new), input))
        .isEqualTo(bootstrap);
    assertThat(input.read()).isEqualTo(-1);
  }

  @Test
  void shouldKeepTheSecretFromTheCommandLineAndFromLogs() {
    Bootstrap bootstrap = new Bootstrap(3, new ChannelAddress("/shm", 1, 2), 0xfeedL);
    assertThat(bootstrap.arguments()).noneMatch(a -> a.contains("feed") || a.contains("65261"));
    assertThat(bootstrap.toString()).doesNotContain("feed").doesNotContain("65261");
  }

  @Test
  void shouldConsumeNothingAfterTheFirstLine() throws IOException {
    ByteArrayInputStream input = stream(GOOD_LINE + "rest");
    Bootstrap.read(GOOD.split(" "), input);
    assertThat(new String(input.readAllBytes(), StandardCharsets.US_ASCII)).isEqualTo("rest");
  }

  @ParameterizedTest
  @MethodSource
  void shouldRefuse(String arguments, String line, String why) {
    assertThatThrownBy(() -> Bootstrap.read(arguments.split(" "), stream(line)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("started by an agent")
        .hasMessageContaining(why);
  }

  static Stream<Arguments> shouldRefuse() {
    return Stream.of(
        Arguments.of("", GOOD_LINE, "unknown or incomplete argument ''"),
        Arguments.of("--slot 3", GOOD_LINE, "--aeron-dir is missing"),
        Arguments.of(GOOD + " --more x", GOOD_LINE, "unknown or incomplete argument '--more'"),
        Arguments.of("--slot", GOOD_LINE, "unknown or incomplete argument '--slot'"),
        Arguments.of(GOOD.replace("7", "x"), GOOD_LINE, "--to-agent is 'x'"),
        Arguments.of(GOOD, "", "expected a line of 16"),
        Arguments.of(GOOD, "0123", "expected a line of 16"),
        Arguments.of(GOOD, "0123456789abcdef0\n", "expected a line of 16"),
        Arguments.of(GOOD, "\n", "holds no secret"),
        Arguments.of(GOOD, "not hexadecimal!\n", "holds no secret"));
  }

  private static ByteArrayInputStream stream(String text) {
    return new ByteArrayInputStream(text.getBytes(StandardCharsets.US_ASCII));
  }
}
