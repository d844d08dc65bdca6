package dev.trireme.launcher.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class PrintableStreamTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintableStream stream =
      new PrintableStream(
          new PrintStream(bytes, true, StandardCharsets.UTF_8), StandardCharsets.UTF_8);

  @Test
  void shouldShowControlCharactersInsteadOfSendingThem() {
    String hostile = "a\u001b[2J\rb\u0007\u009b\u202e";
    stream.println(hostile);
    stream.print(hostile.toCharArray());
    stream.print('\u001b');
    stream.println((Object) hostile);
    stream.printf("%s%n", hostile);
    stream.append(hostile).println(hostile.toCharArray());
    String text = bytes.toString(StandardCharsets.UTF_8);
    assertThat(text.replace("\n", "")).doesNotContainPattern("\\p{Cntrl}|\u202e|\u009b");
    assertThat(text).startsWith("a\\x1b[2J\\x0db\\x07\\x9b\\u202e\n");
  }

  @Test
  void shouldLeaveTextLinesAndTabsAsTheyAre() {
    stream.println("größer\tals\neins");
    assertThat(bytes.toString(StandardCharsets.UTF_8)).isEqualTo("größer\tals\neins\n");
  }
}
