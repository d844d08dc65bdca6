package dev.trireme.launcher.config;

import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Whatever the reader is given, it reads it or refuses it; it never breaks. */
class ReaderRobustnessProperties {
  private static final String JOB = JobReaderTest.SMALL;

  /** A job with a piece of it replaced by something that YAML gives a meaning to. */
  @Provide
  Arbitrary<String> damaged() {
    Arbitrary<String> pieces =
        Arbitraries.of(
            "", " ", "\n", "\n  ", ":", ": ", "- ", "[", "]", "{", "}", ",", "'", "\"", "&a ", "*a",
            "!x ", "|", ">", "#", "%", "@", "?", "~", "null", "0", "-1", "1e9", "true", "\t",
            "<<: ", "---\n", "...\n", "\u0000", "\ud800");
    return Combinators.combine(
            Arbitraries.integers().between(0, JOB.length()),
            Arbitraries.integers().between(0, 12),
            pieces)
        .as(
            (from, length, piece) ->
                JOB.substring(0, from)
                    + piece
                    + JOB.substring(Math.min(JOB.length(), from + length)));
  }

  @Property(tries = 300)
  void aDamagedFileIsReadOrRefused(@ForAll("damaged") String yaml) {
    readOrRefuse(yaml, List.of());
  }

  @Property(tries = 300)
  void anyOverrideIsTakenOrRefused(@ForAll("damaged") String text, @ForAll String any) {
    readOrRefuse(JOB, List.of("train=" + text, any, "model.layers.0=" + any, "a=" + any));
  }

  private static void readOrRefuse(String yaml, List<String> overrides) {
    try {
      JobReader.read("job.yaml", yaml, overrides);
    } catch (ConfigException e) {
      if (e.problems().isEmpty()) {
        throw new AssertionError("refused without a reason");
      }
    }
  }
}
