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
import dev.trireme.launcher.control.Tls;
import dev.trireme.protocol.TlsFiles;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import javax.net.ssl.SSLContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A coordinator as a service. Off loopback it takes credentials: mutual TLS for the control plane,
 * TLS and a token for the HTTP interface; its job store never listens on anything but loopback, and
 * health neither.
 *
 * <p>Its addresses, which ports of 0 leave open, are in {@code addresses.json} in its state
 * directory from when it is ready until it stops.
 */
final class CoordinatorService {
  private static final Logger LOG = LoggerFactory.getLogger(CoordinatorService.class);
  private static final DateTimeFormatter STAMP = DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss");
  private static final String ADDRESSES = "addresses.json";

  /** Beside the runs; no job can have that name. */
  private static final String FILES = ".files";

  private CoordinatorService() {}

  @SuppressWarnings("try") // the servers are there only to be closed
  static void run(CoordinatorFile config, ServiceStop stop)
      throws IOException, InterruptedException, Credentials.UnusableException {
    Path state = Path.of(config.stateDirectory());
    Optional<Credentials> credentials = Optional.empty();
    if (config.credentials().isPresent()) {
      credentials = Optional.of(Credentials.ofNode(Path.of(config.credentials().get())));
    }
    Optional<TlsFiles> tls = credentials.flatMap(Credentials::tls);
    HostPort api = HostPort.of(config.api());
    requireLoopback(api, tls.isPresent());
    String token = credentials.isPresent() ? credentials.get().token() : ownToken(state);
    Optional<SSLContext> context = Optional.empty();
    if (tls.isPresent()) {
      context = Optional.of(Tls.server(tls.get()));
    }
    HostPort listen = HostPort.of(config.listen());
    String name = config.name().orElseGet(HostPort::hostName);
    Path runs = Path.of(config.runs());
    try (CoordinatorNode node =
        CoordinatorNode.start(
            new CoordinatorConfig(
                name,
                listen.host(),
                listen.port(),
                state,
                CoordinatorConfig.Timing.DEFAULT,
                tls,
                config.coordinators()))) {
      node.jobs(); // a state directory that cannot be used is told of here
      try (ApiServer served = api(api, context, token, node::active, runs);
          HealthServer health = health(HostPort.of(config.health()), node::isMember)) {
        announce(state, node.address(), served, health);
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

  private static ApiServer api(
      HostPort address,
      Optional<SSLContext> tls,
      String token,
      Supplier<Optional<JobService>> active,
      Path runs)
      throws IOException {
    try {
      return ApiServer.start(
          address.toSocket(),
          tls,
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

  private static void requireLoopback(HostPort api, boolean tls) throws IOException {
    if (!tls && !InetAddress.getByName(api.host()).isLoopbackAddress()) {
      throw new IllegalArgumentException(
          "expected credentials to serve on "
              + api
              + ", which others can reach, found none; make them with 'trireme cluster init DIR'");
    }
  }

  /** On a cluster without credentials only this user may ask: whoever reads this file. */
  private static String ownToken(Path state) throws IOException, Credentials.UnusableException {
    Files.createDirectories(state);
    Path file = state.resolve(Credentials.TOKEN);
    if (!Files.exists(file)) {
      CredentialsMaker.makeToken(file);
    }
    return Credentials.ofUser(state).token();
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
