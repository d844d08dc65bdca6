package dev.trireme.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * The tests run with the pom's flags and the program with ops/jvm.options: they must be the same.
 */
class JvmOptionsTest {
  private static final Path ROOT = Path.of("..");

  @Test
  void shouldStartTestsAndProgramWithTheSameFlags() throws IOException {
    Matcher flags =
        Pattern.compile("<jvm\\.flags>(.*?)</jvm\\.flags>", Pattern.DOTALL)
            .matcher(Files.readString(ROOT.resolve("pom.xml")));
    assertThat(flags.find()).as("the property jvm.flags of the root pom").isTrue();

    List<String> options =
        Files.readAllLines(ROOT.resolve("ops/jvm.options")).stream()
            .map(String::strip)
            .filter(line -> !line.isEmpty() && !line.startsWith("#"))
            .toList();

    assertThat(options).containsExactly(flags.group(1).strip().split("\\s+"));
  }
}
