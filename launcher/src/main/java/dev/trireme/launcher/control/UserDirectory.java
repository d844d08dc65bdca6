package dev.trireme.launcher.control;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** Where Trireme keeps what is a user's own, as the XDG base directory specification has it. */
public enum UserDirectory {
  CONFIG("XDG_CONFIG_HOME", ".config"),
  CACHE("XDG_CACHE_HOME", ".cache");

  private final String variable;
  private final String inHome;

  UserDirectory(String variable, String inHome) {
    this.variable = variable;
    this.inHome = inHome;
  }

  /** By this environment; the home that it names comes before the one that Java knows. */
  public Path of(Map<String, String> environment) {
    return value(environment, variable)
        .map(Path::of)
        .orElseGet(() -> home(environment).resolve(inHome))
        .resolve("trireme");
  }

  private static Path home(Map<String, String> environment) {
    return Path.of(value(environment, "HOME").orElseGet(() -> System.getProperty("user.home")));
  }

  private static Optional<String> value(Map<String, String> environment, String name) {
    return Optional.ofNullable(environment.get(name)).filter(value -> !value.isBlank());
  }
}
