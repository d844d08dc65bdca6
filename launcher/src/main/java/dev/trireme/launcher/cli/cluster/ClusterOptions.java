package dev.trireme.launcher.cli.cluster;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.trireme.launcher.cluster.Credentials;
import dev.trireme.launcher.cluster.HostPort;
import dev.trireme.launcher.control.ApiClient;
import dev.trireme.launcher.control.UserDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
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
  private static final String NAME = "[A-Za-z0-9._-]{1,64}";

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
    return named().isPresent() || Files.isRegularFile(home().resolve(DEFAULT).resolve(CONTEXT));
  }

  /**
   * The way to it.
   *
   * @param patience how long to wait for an active coordinator
   */
  public ApiClient client(Duration patience) throws UnknownClusterException {
    String name = named().orElse(DEFAULT);
    boolean address = name.contains(":");
    Path own = address ? home() : contextOf(name);
    List<String> addresses =
        address
            ? addresses(cluster.isPresent() ? "--cluster" : "TRIREME_CLUSTER", name)
            : addressesOf(name, own.resolve(CONTEXT));
    try {
      Credentials proof = Credentials.ofUser(given().orElse(own));
      return ApiClient.of(addresses, proof.authority(), proof.token(), patience);
    } catch (Credentials.UnusableException | IOException | IllegalArgumentException e) {
      throw new UnknownClusterException(e.getMessage());
    }
  }

  /** Of a text in which commas separate them, as URLs can name them. */
  private static List<String> addresses(String where, String text) throws UnknownClusterException {
    List<String> addresses = new ArrayList<>();
    for (String part : text.split(",")) {
      try {
        addresses.add(HostPort.ofUrl(part.strip()).toString());
      } catch (IllegalArgumentException e) {
        throw new UnknownClusterException(where + ": " + e.getMessage());
      }
    }
    if (addresses.isEmpty()) {
      throw new UnknownClusterException(where + ": expected HOST:PORT, found '" + text + "'");
    }
    return addresses;
  }

  private Optional<Path> given() {
    return credentials.or(() -> variable("TRIREME_CREDENTIALS").map(Path::of));
  }

  private Optional<String> named() {
    return cluster.or(() -> variable("TRIREME_CLUSTER"));
  }

  private static List<String> addressesOf(String context, Path file)
      throws UnknownClusterException {
    JsonNode json;
    try {
      json = JsonMapper.builder().build().readTree(file.toFile());
    } catch (IOException e) {
      throw new UnknownClusterException(
          "no cluster is named: use --cluster HOST:PORT or TRIREME_CLUSTER, or make the context '"
              + context
              + "' with 'trireme cluster use "
              + context
              + " HOST:PORT --credentials DIR'");
    }
    if (!json.path("cluster").isTextual()) {
      throw new UnknownClusterException(file + ": expected {\"cluster\": \"HOST:PORT,...\"}");
    }
    return addresses(file.toString(), json.path("cluster").asText());
  }

  /**
   * Makes a context: a copy of credentials, and addresses. Of the context that had the name before
   * nothing is left.
   *
   * @return its directory
   */
  Path save(String name, String text)
      throws IOException, Credentials.UnusableException, UnknownClusterException {
    Path directory = contextOf(name);
    String addresses = String.join(",", addresses("the coordinators' addresses", text));
    Path from = given().orElseGet(this::home);
    Credentials proof = Credentials.ofUser(from);
    Files.createDirectories(directory);
    copy(from.resolve(Credentials.TOKEN), directory.resolve(Credentials.TOKEN));
    Path authority = directory.resolve(Credentials.AUTHORITY);
    if (proof.authority().isPresent()) {
      copy(proof.authority().get(), authority);
    } else {
      Files.deleteIfExists(authority); // Of another cluster, which must not vouch for this one.
    }
    Files.writeString(
        directory.resolve(CONTEXT),
        JsonNodeFactory.instance.objectNode().put("cluster", addresses).toPrettyString() + "\n");
    return directory;
  }

  /** Does nothing where both are the same file. */
  private static void copy(Path from, Path to) throws IOException {
    Files.copy(from, to, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.COPY_ATTRIBUTES);
  }

  private Path contextOf(String name) throws UnknownClusterException {
    if (!name.matches(NAME) || name.matches("\\.+")) {
      throw new UnknownClusterException(
          "expected the name of a context, 1 to 64 letters, digits, '.', '_' and '-' and not dots"
              + " alone, found '"
              + name
              + "'; an address is HOST:PORT");
    }
    return home().resolve(name);
  }

  private Path home() {
    return UserDirectory.CONFIG.of(environment);
  }

  private Optional<String> variable(String name) {
    return Optional.ofNullable(environment.get(name)).filter(value -> !value.isBlank());
  }
}
