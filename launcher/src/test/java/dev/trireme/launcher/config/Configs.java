package dev.trireme.launcher.config;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** The folders that tests read from. */
final class Configs {
  private Configs() {}

  /** {@code configs/} at the root of the repository; tests run in their module's folder. */
  static Path directory() {
    return Path.of("..", "configs");
  }

  /** The real data, where this machine has it. */
  static Optional<Path> data() {
    String named =
        Optional.ofNullable(System.getProperty("TRIREME_DATA", System.getenv("TRIREME_DATA")))
            .orElse("../../shared/data");
    return Optional.of(Path.of(named)).filter(Files::isDirectory);
  }
}
