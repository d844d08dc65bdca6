package dev.trireme.launcher.cluster;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.trireme.coordinator.CoordinatorConfig;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.CoordinatorNode;
import dev.trireme.coordinator.JobService;
import dev.trireme.launcher.config.CoordinatorFile;
import dev.trireme.launcher.control.ApiServer;
import dev.trireme.launcher.control.FileStore;
import dev.trireme.launcher.control.HealthServer;
import dev.trireme.launcher.control.HostName;
import dev.trireme.launcher.control.Tls;
import dev.trireme.protocol.TlsFiles;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import javax.net.ssl.SSLContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A coordinator as a service: mutual TLS for the control plane, TLS and a token for the HTTP
 * interface. Off loopback it has to be given the credentials for that, on loopback it makes its
 * own. Its job store never listens on anything but loopback, and health neither.
 *
 * <p>Its addresses, which ports of 0 leave open, are in {@code addresses.json} in its state
 * directory from when it is ready until it stops.
 */
final class CoordinatorService {
  private static final Logger LOG = LoggerFactory.getLogger(CoordinatorService.class);
  private static final DateTimeFormatter STAMP = DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss");
  private static final String ADDRESSES = "addresses.json";

  /** In the state directory, where none are given. */
  private static final String OWN = "credentials";

  /** Beside the runs; no job can have that name. */
  private static final String FILES = ".files";

  private CoordinatorService() {}

  @SuppressWarnings("try") // the servers are there only to be closed
  static void run(CoordinatorFile config, ServiceStop stop)
      throws IOException, InterruptedException, Credentials.UnusableException {
    HostPort listen = address("listen", config.listen());
    HostPort api = address("api", config.api());
    HostPort health = address("health", config.health());
    for (int i = 0; i < config.coordinators().size(); i++) {
      address("coordinators[" + i + "]", config.coordinators().get(i));
    }
    Path state = Path.of(config.stateDirectory());
    Credentials credentials =
        config.credentials().isPresent()
            ? Credentials.ofNode(Path.of(config.credentials().get()))
            : ownCredentials(config, state, List.of(api, listen));
    TlsFiles tls = credentials.tls().orElseThrow();
    SSLContext context = Tls.server(tls);
    String name = config.name().orElseGet(HostName::ofThisHost);
    Path runs = Path.of(config.runs());
    try (CoordinatorNode node =
        CoordinatorNode.start(
            new CoordinatorConfig(
                name,
                listen.host(),
                listen.port(),
                state,
                CoordinatorConfig.Timing.DEFAULT,
                Optional.of(tls),
                config.coordinators()))) {
      node.jobs(); // a state directory that cannot be used is told of here
      try (ApiServer served = api(api, context, credentials.token(), node::active, runs);
          HealthServer told = health(health, node::isMember)) {
        announce(state, node.address(), served, told);
        node.left().whenComplete((left, fault) -> stop.wake());
        stop.awaitOr(() -> node.left().toCompletableFuture().isDone());
        if (node.left().toCompletableFuture().isCompletedExceptionally()) {
          throw new CoordinatorException(
              "this coordinator has failed: this is a bug, please report it with the log; another"
                  + " one takes over, start this one again");
        }
        if (!stop.isAsked()) {
          throw new CoordinatorException(
              "the other coordinators have given this one up, as they cannot reach it; start it"
                  + " again");
        }
      } finally {
        Files.deleteIfExists(state.resolve(ADDRESSES));
      }
    }
  }

  /** Looked at before anything has started, so that a mistake leaves nothing behind. */
  private static HostPort address(String key, String text) {
    try {
      return HostPort.of(text);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(key + ": " + e.getMessage(), e);
    }
  }

  private static ApiServer api(
      HostPort address,
      SSLContext tls,
      String token,
      Supplier<Optional<JobService>> active,
      Path runs)
      throws IOException {
    try {
      return ApiServer.start(
          address.toSocket(),
          Optional.of(tls),
          token,
          active,
          name -> fresh(runs, name),
          new FileStore(runs.resolve(FILES)));
    } catch (BindException e) {
      throw new IOException("cannot serve the HTTP interface on " + address + ": " + e, e);
    }
  }

  /** It answers at all: so it lives; it is one of the coordinators, so it is ready. */
  private static HealthServer health(HostPort address, BooleanSupplier member) throws IOException {
    try {
      return HealthServer.start(
          address.toSocket(),
          Optional::empty,
          () ->
              member.getAsBoolean()
                  ? Optional.empty()
                  : Optional.of("it has not joined the other coordinators yet"));
    } catch (BindException e) {
      throw new IOException("cannot serve health on " + address + ": " + e, e);
    }
  }

  /**
   * Those of a coordinator that was given none: made once, in its state directory, which keeps them
   * from other users of this host. For loopback alone: what others can reach needs credentials that
   * were carried to all hosts.
   */
  private static Credentials ownCredentials(
      CoordinatorFile config, Path state, List<HostPort> addresses)
      throws IOException, Credentials.UnusableException {
    for (HostPort address : addresses) {
      if (!InetAddress.getByName(address.host()).isLoopbackAddress()) {
        throw new IllegalArgumentException(
            "expected credentials to serve on "
                + address
                + ", which others can reach, found none; make them with 'trireme cluster init"
                + " DIR'");
      }
    }
    if (config.coordinators().size() > 1) {
      throw new IllegalArgumentException(
          "expected credentials that all coordinators share, found none; make them with 'trireme"
              + " cluster init DIR'");
    }
    Path own = state.resolve(OWN);
    if (!Files.exists(own)) {
      makePrivate(state);
      CredentialsMaker.makeWhole(own);
      LOG.info("made credentials of its own, for agents and commands of this host, in {}", own);
    }
    return Credentials.ofNode(own);
  }

  private static void makePrivate(Path state) throws IOException {
    if (!Files.isDirectory(state)) {
      Files.createDirectories(state.toAbsolutePath().getParent());
      Files.createDirectory(
          state,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
  }

  private static Path fresh(Path runs, String jobName) {
    String more = HexFormat.of().toHexDigits((short) ThreadLocalRandom.current().nextInt());
    return runs.resolve(jobName + "-" + STAMP.format(LocalDateTime.now()) + "-" + more);
  }

  private static void announce(Path state, String address, ApiServer api, HealthServer health)
      throws IOException {
    String served = text(api.address());
    String text =
        JsonNodeFactory.instance
                .objectNode()
                .put("control", address)
                .put("api", served)
                .put("health", text(health.address()))
                .put("pid", ProcessHandle.current().pid())
                .toPrettyString()
            + "\n";
    Path temporary = state.resolve(ADDRESSES + ".tmp");
    Files.writeString(temporary, text);
    Files.move(
        temporary,
        state.resolve(ADDRESSES),
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
    LOG.info("ready: control plane on {}, HTTP interface on {}", address, served);
  }

  private static String text(InetSocketAddress address) {
    return HostPort.of(address).toString();
  }
}
