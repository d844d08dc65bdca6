package dev.trireme.launcher.cli.cluster;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.trireme.launcher.cluster.Credentials;
import dev.trireme.launcher.control.ApiClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Option;

/**
 * Which cluster a command speaks to. {@code --cluster}, else {@code TRIREME_CLUSTER}, else the
 * context {@code default}. What is no {@code HOST:PORT} names a context: a directory of that name
 * in {@code ~/.config/trireme} that holds credentials and {@code context.json} with the addresses.
 * For addresses, credentials are those of {@code --credentials}, {@code TRIREME_CREDENTIALS}, or
 * {@code ~/.config/trireme} itself.
 */
public final class ClusterOptions {
  private static final String DEFAULT = "default";
  private static final String CONTEXT = "context.json";

  @Option(
      names = "--cluster",
      paramLabel = "HOST:PORT",
      description =
          "The coordinators' HTTP interfaces, separated by commas, or the name of a context in"
              + " ~/.config/trireme. By default TRIREME_CLUSTER, else the context 'default'.")
  private Optional<String> cluster = Optional.empty();

  @Option(
      names = "--credentials",
      paramLabel = "DIR",
      description =
          "Directory with ca.pem and api-token. By default TRIREME_CREDENTIALS, else the context's.")
  private Optional<Path> credentials = Optional.empty();

  private final Map<String, String> environment;

  /** For this process. */
  public ClusterOptions() {
    this(System.getenv());
  }

  /** As a command that takes them in another way was told. */
  public ClusterOptions(Optional<String> cluster, Optional<Path> credentials) {
    this(System.getenv());
    this.cluster = cluster;
    this.credentials = credentials;
  }

  ClusterOptions(Map<String, String> environment) {
    this.environment = environment;
  }

  /** There is no such cluster, or no way to prove oneself to it; the message says what to do. */
  public static final class UnknownClusterException extends Exception {
    private static final long serialVersionUID = 1L;

    UnknownClusterException(String message) {
      super(message);
    }
  }

  /** Whether a cluster is named anywhere. */
  public boolean isNamed() {
    return named().isPresent() || Files.isRegularFile(contextOf(DEFAULT).resolve(CONTEXT));
  }

  /**
   * The way to it.
   *
   * @param patience how long to wait for an active coordinator
   */
  public ApiClient client(Duration patience) throws UnknownClusterException {
    String name = named().orElse(DEFAULT);
    boolean address = name.contains(":");
    Path directory = given().orElseGet(() -> address ? home() : contextOf(name));
    try {
      List<String> addresses = List.of((address ? name : addresses(name)).split(","));
      Credentials proof = Credentials.ofUser(directory);
      return ApiClient.of(addresses, proof.authority(), proof.token(), patience);
    } catch (Credentials.UnusableException | IOException | IllegalArgumentException e) {
      throw new UnknownClusterException(e.getMessage());
    }
  }

  private Optional<Path> given() {
    return credentials.or(() -> variable("TRIREME_CREDENTIALS").map(Path::of));
  }

  private Optional<String> named() {
    return cluster.or(() -> variable("TRIREME_CLUSTER"));
  }

  private String addresses(String context) throws UnknownClusterException {
    Path file = contextOf(context).resolve(CONTEXT);
    try {
      JsonNode json = JsonMapper.builder().build().readTree(file.toFile());
      if (!json.path("cluster").isTextual()) {
        throw new UnknownClusterException(file + ": expected {\"cluster\": \"HOST:PORT,...\"}");
      }
      return json.path("cluster").asText();
    } catch (IOException e) {
      throw new UnknownClusterException(
          "no cluster is named: use --cluster HOST:PORT or TRIREME_CLUSTER, or make the context '"
              + context
              + "' with 'trireme cluster use "
              + context
              + " HOST:PORT --credentials DIR'");
    }
  }

  /**
   * Makes a context: a copy of credentials, and addresses.
   *
   * @return its directory
   */
  Path save(String name, String addresses) throws IOException, Credentials.UnusableException {
    Path from = given().orElseGet(this::home);
    Credentials proof = Credentials.ofUser(from);
    Path directory = contextOf(name);
    Files.createDirectories(directory);
    copy(from.resolve(Credentials.TOKEN), directory.resolve(Credentials.TOKEN));
    if (proof.authority().isPresent()) {
      copy(proof.authority().get(), directory.resolve(proof.authority().get().getFileName()));
    }
    Files.writeString(
        directory.resolve(CONTEXT),
        JsonNodeFactory.instance.objectNode().put("cluster", addresses).toPrettyString() + "\n");
    return directory;
  }

  private static void copy(Path from, Path to) throws IOException {
    if (!from.toAbsolutePath().equals(to.toAbsolutePath())) {
      Files.deleteIfExists(to);
      Files.copy(from, to, java.nio.file.StandardCopyOption.COPY_ATTRIBUTES);
    }
  }

  private Path contextOf(String name) {
    return name.matches("[A-Za-z0-9._-]{1,64}") ? home().resolve(name) : home().resolve(DEFAULT);
  }

  private Path home() {
    return variable("XDG_CONFIG_HOME")
        .map(Path::of)
        .orElseGet(() -> Path.of(System.getProperty("user.home"), ".config"))
        .resolve("trireme");
  }

  private Optional<String> variable(String name) {
    return Optional.ofNullable(environment.get(name)).filter(value -> !value.isBlank());
  }
}
