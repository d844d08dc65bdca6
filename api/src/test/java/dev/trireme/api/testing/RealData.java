package dev.trireme.api.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/**
 * Finds data sets that are too large for the repository; tests that need them are skipped without.
 */
public final class RealData {
  /**
   * The system property, and in capitals and underscores the environment variable, that names it.
   */
  public static final String PROPERTY = "trireme.data";

  private RealData() {}

  /**
   * The directory of a data set, as {@code mnist}: under {@code -Dtrireme.data}, {@code
   * TRIREME_DATA}, or {@code ../shared/data} beside the repository. Skips the running test when it
   * is in none of them.
   */
  public static Path directory(String set) {
    Path directory = root().resolve(set);
    Assumptions.assumeTrue(
        Files.isDirectory(directory),
        () ->
            "skipped: no data set '"
                + set
                + "' in "
                + directory
                + "; name the directory that holds it with -D"
                + PROPERTY
                + "=DIR or TRIREME_DATA=DIR");
    return directory;
  }

  private static Path root() {
    String named = System.getProperty(PROPERTY, System.getenv("TRIREME_DATA"));
    if (named != null) {
      return Path.of(named);
    }
    Path module = Path.of("").toAbsolutePath();
    for (Path at = module; at != null; at = at.getParent()) {
      if (Files.isDirectory(at.resolve(".git")) || Files.isRegularFile(at.resolve(".git"))) {
        return at.resolveSibling("shared").resolve("data");
      }
    }
    return module.resolve("../../shared/data").normalize();
  }
}
