package dev.trireme.launcher.cli;

import java.io.PrintStream;
import java.nio.charset.Charset;

/**
 * Text for a terminal: control characters in what is printed, which may come from a file that
 * somebody else has made, are written as {@code \\x1b}. Line ends and tabs stay.
 */
public final class PrintableStream extends PrintStream {
  private final PrintStream raw;

  PrintableStream(PrintStream raw, Charset charset) {
    super(raw, true, charset);
    this.raw = raw;
  }

  /** Beneath it, for who moves the cursor. */
  PrintStream raw() {
    return raw;
  }

  /** The text with its control characters, and those that change the direction, made visible. */
  public static String clean(String text) {
    if (text.chars().noneMatch(PrintableStream::isHidden)) {
      return text;
    }
    StringBuilder clean = new StringBuilder();
    text.chars()
        .forEach(
            c -> {
              if (isHidden(c)) {
                clean.append(c < 0x100 ? "\\x%02x".formatted(c) : "\\u%04x".formatted(c));
              } else {
                clean.append((char) c);
              }
            });
    return clean.toString();
  }

  private static boolean isHidden(int c) {
    boolean control = Character.isISOControl(c) && c != '\n' && c != '\t';
    return control || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069;
  }

  @Override
  public void print(String text) {
    super.print(clean(String.valueOf(text)));
  }

  @Override
  public void print(Object object) {
    print(String.valueOf(object));
  }

  @Override
  public void print(char[] text) {
    print(String.valueOf(text));
  }

  @Override
  public void print(char c) {
    print(String.valueOf(c));
  }

  @Override
  public void println(String text) {
    super.println(clean(String.valueOf(text)));
  }

  @Override
  public void println(Object object) {
    println(String.valueOf(object));
  }

  @Override
  public void println(char[] text) {
    println(String.valueOf(text));
  }
}
